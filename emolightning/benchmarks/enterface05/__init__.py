"""eNTERFACE'05: people of 14 nations say sentences in six emotions."""
