"""Languages: what people read, said in theirs."""

from bot.locales.catalogue import Catalogue, catalogue
from bot.locales.names import language_name

__all__ = ["Catalogue", "catalogue", "language_name"]
