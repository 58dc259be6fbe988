"""Kibitz: watches clips, listens, remembers, and answers in text and in voice."""

__version__ = "0.1.0"
