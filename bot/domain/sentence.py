"""Sentences for people that still know how they were made, so that they can be said in another language."""

from collections.abc import Mapping
from types import MappingProxyType


class Sentence(str):
    """A finished English sentence; `template` and `values` made it (str.format)."""

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object]) -> "Sentence":
        made = super().__new__(cls, template.format_map(values))
        made.template = template
        made.values = MappingProxyType(dict(values))
        return made


def sentence(template: str, /, **values: object) -> Sentence:
    """The template with its {names} filled in."""
    return Sentence(template, values)
