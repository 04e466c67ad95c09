"""Pictures of what a model says over the time of a clip."""
