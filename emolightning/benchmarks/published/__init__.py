"""Published scores, and what is measured beside them."""
