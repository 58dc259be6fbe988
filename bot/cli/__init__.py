"""The same services as the cogs, on the command line."""
