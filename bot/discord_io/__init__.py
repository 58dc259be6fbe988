"""Discord in and out: the only room, with the cogs, that speaks discord.py; it decides nothing."""
