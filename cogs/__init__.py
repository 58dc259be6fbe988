"""Discord extensions, one per file; loaded by name."""
