"""FERV39k: faces in 22 scenes."""
