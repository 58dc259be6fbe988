"""Work that was accepted and survives a restart. Rows never leave this room."""
