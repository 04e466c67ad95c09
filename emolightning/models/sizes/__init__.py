"""Parameters, FLOPs and bytes of a model, counted without building it."""
