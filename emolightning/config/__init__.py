"""Our settings, and the check of a configuration against the code it names before anything heavy is imported."""
