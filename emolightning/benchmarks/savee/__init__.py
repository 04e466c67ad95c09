"""SAVEE: four men say sentences in seven emotions."""
