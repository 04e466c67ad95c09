"""How free answers are read: the words for each emotion, the final statement, what is denied and what is asserted."""
