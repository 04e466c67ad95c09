"""Video, sound, frames, features and their caches."""
