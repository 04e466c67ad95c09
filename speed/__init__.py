"""What is measured about speed and memory; see README.md in this folder."""
