"""How plugins add to a prompt: evidence inside the fence, rules outside of it."""

from collections.abc import Iterable
from dataclasses import replace

from bot.domain.answer import Prompt
from bot.domain.fence import fenced, unfenced
from bot.domain.visible import quoted

_MOST_LINES = 50
_LONGEST_LINE = 500


def prompt_with_lines(prompt: Prompt, label: str, texts: Iterable[str]) -> Prompt:
    """The prompt with these texts as lines of evidence, each behind the label in capitals. At most 50 lines of 500
    letters are taken; they are quoted, so that nothing in them can pose as a line of ours."""
    lines = [f"{label.upper()} {quoted(text[:_LONGEST_LINE])}" for text in list(texts)[:_MOST_LINES]]
    return replace(prompt, evidence=fenced([*unfenced(prompt.evidence), *lines])) if lines else prompt


def prompt_with_rule(prompt: Prompt, rule: str) -> Prompt:
    """The prompt with one more rule at the end. Rules are the plugin's own words: never put words of others here."""
    return replace(prompt, rules=f"{prompt.rules}\n{rule.strip()}")
