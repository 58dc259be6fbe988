"""Transcripts and answers in the language of whoever reads them."""

from bot.plugins.translate.plugin import Translate

__all__ = ["Translate"]
