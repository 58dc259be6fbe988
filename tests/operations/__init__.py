"""How the bot is: figures, checks, metrics, the page and who may see it."""
