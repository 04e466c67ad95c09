"""AFEW: scenes of films, the challenge EmotiW."""
