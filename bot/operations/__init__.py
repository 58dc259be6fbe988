"""How the bot is: what it counts, whether it is well, a page that shows it. Knows nothing of Discord."""
