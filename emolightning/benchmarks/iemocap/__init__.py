"""IEMOCAP: dialogues of ten actors in five sessions."""
