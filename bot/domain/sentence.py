"""Sentences for people that still know how they were made, so that they can be said in another language."""

from collections.abc import Mapping
from types import MappingProxyType


class Sentence(str):
    """A finished English sentence. `template` and `values` made it (str.format); a value may be a Sentence again.

    `plural` is the template for several and how many there are, None where nothing is counted.
    """

    __slots__ = ("plural", "template", "values")

    template: str
    values: Mapping[str, object]
    plural: tuple[str, int] | None

    def __new__(cls, template: str, values: Mapping[str, object], plural: tuple[str, int] | None = None) -> "Sentence":
        made = super().__new__(cls, (template if plural is None or plural[1] == 1 else plural[0]).format_map(values))
        made.template = template
        made.values = MappingProxyType(dict(values))
        made.plural = plural
        return made

    @classmethod
    def of(cls, text: str) -> "Sentence":
        """A text of ours as a Sentence, so that it is translated where it is a value of another."""
        return text if isinstance(text, cls) else cls(text.replace("{", "{{").replace("}", "}}"), {})

    def __reduce__(self) -> tuple[type["Sentence"], tuple[str, dict[str, object], tuple[str, int] | None]]:
        return Sentence, (self.template, dict(self.values), self.plural)


def sentence(template: str, /, **values: object) -> Sentence:
    """The template with its {names} filled in."""
    return Sentence(template, values)


def counted(one: str, many: str, n: int, /, **values: object) -> Sentence:
    """`one` or `many`, as `n` says; both may use {n}."""
    return Sentence(one, {**values, "n": n}, (many, n))
