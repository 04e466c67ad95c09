"""DeepSpeed and FSDP: one file whatever the engine."""
