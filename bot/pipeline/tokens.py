"""How many tokens a text will take, without a tokenizer that would have to be downloaded."""

import math


def estimate_tokens(text: str) -> int:
    """An upper estimate: 3.5 characters a token for ASCII, one token a character for all other scripts.

    Byte-pair vocabularies of 100,000 entries and more give about 4 ASCII characters a token and 0.6 to 1 token
    per Chinese character.
    """
    ascii_count = sum(character.isascii() for character in text)
    return math.ceil(ascii_count / 3.5) + len(text) - ascii_count
