"""Published scores with their protocols, and the comparison of a run's scores with them."""
