"""Plugins that come with the bot; each runs only where it is switched on."""
