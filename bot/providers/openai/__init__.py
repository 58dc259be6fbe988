"""Adapters for OpenAI and the servers that speak its protocol."""
