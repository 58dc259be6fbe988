"""Languages: what people read, said in theirs."""

from bot.locales.catalogue import Catalogue, catalogue, is_spoken
from bot.locales.contributed import contribute, withdraw
from bot.locales.names import language_name

__all__ = ["Catalogue", "catalogue", "contribute", "is_spoken", "language_name", "withdraw"]
