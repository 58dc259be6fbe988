"""What one model at one endpoint accepts: guessed from the kind of server, corrected by what it refuses."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from bot.providers.openai.endpoint import Endpoint, Flavour
from bot.providers.openai.errors import RejectionError

Result = TypeVar("Result")

_MOST_LESSONS = 6
_REASONS = re.compile(r"(openai/)?(gpt-[5-9]|o\d)")
_SPEAKS_WHISPER = re.compile(r"whisper", re.IGNORECASE)
_LUNA = re.compile(r"(openai/)?gpt-(5\.6|6)-luna")

# What Kokoro has for the OpenAI voices that it does not map itself, and one voice per language.
_KOKORO_VOICES = {"ballad": "bm_george", "verse": "am_puck", "marin": "af_heart", "cedar": "am_michael"}
_KOKORO_LANGUAGES = {
    "es": "ef_dora",
    "fr": "ff_siwis",
    "hi": "hf_alpha",
    "it": "if_sara",
    "ja": "jf_alpha",
    "pt": "pf_dora",
    "zh": "zf_xiaobei",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """`token_params`: names for the output limit, the first is used. `max_images`: per request, None: unknown.
    `one_by_one`: several pictures in one request come back as one text. `timestamps`: verbose_json is worth asking
    for. `sound_formats`: of speech, in order of preference. `voices` and `language_voices` map ours to the server's.
    `refused`: parameters found out to be unwelcome."""

    token_params: tuple[str, ...] = ("max_tokens", "max_completion_tokens")
    max_images: int | None = None
    one_by_one: bool = False
    timestamps: bool = True
    keywords: bool = False
    reasoning_effort: str | None = None
    sound_formats: tuple[str, ...] = ("pcm", "wav")
    speed_range: tuple[float, float] = (0.25, 4.0)
    voices: Mapping[str, str] = field(default_factory=dict[str, str])
    language_voices: Mapping[str, str] = field(default_factory=dict[str, str])
    refused: frozenset[str] = frozenset()

    def accepts(self, parameter: str) -> bool:
        return parameter not in self.refused

    def without(self, parameter: str) -> "Capabilities":
        """The same, with one parameter less. Of the output limit's names the next takes over; a refused
        response format costs timestamps or, in speech, the preferred sound format."""
        if parameter in self.token_params:
            return replace(self, token_params=tuple(name for name in self.token_params if name != parameter))
        return replace(self, refused=self.refused | {parameter})


def guess(endpoint: Endpoint, model: str) -> Capabilities:
    """What to expect before the first call."""
    flavour = endpoint.known_flavour
    start = Capabilities(
        keywords=model.startswith("gpt-transcribe"),
        timestamps=flavour is not Flavour.OPENAI or _SPEAKS_WHISPER.search(model) is not None,
        reasoning_effort="none" if _LUNA.match(model) else None,
        refused=frozenset({"instructions"}) if model.startswith("tts-1") else frozenset(),
    )
    if flavour is Flavour.OPENAI or (flavour in (Flavour.AUTO, Flavour.OPENROUTER) and _REASONS.match(model)):
        start = replace(start, token_params=("max_completion_tokens", "max_tokens"))
    if flavour is Flavour.LOCALAI:
        # Its pcm has the rate of whichever voice speaks; only a wav header tells.
        start = replace(start, sound_formats=("wav", "pcm"))
    if flavour in (Flavour.KOKORO, Flavour.SPEACHES):
        start = replace(
            start,
            speed_range=(0.5, 2.0),
            voices=_KOKORO_VOICES,
            language_voices=_KOKORO_LANGUAGES,
            refused=start.refused | {"instructions"},
        )
    return start


class Learner:
    """Keeps the capabilities of one model at one endpoint and corrects them while it works."""

    def __init__(self, capabilities: Capabilities) -> None:
        self.current = capabilities

    def learn(self, *, max_images: int | None = None, one_by_one: bool = False, no_tools: bool = False) -> None:
        """Remember what one request about pictures may hold, or that tools are of no use."""
        if max_images is not None:
            self.current = replace(self.current, max_images=max_images)
        if one_by_one:
            self.current = replace(self.current, one_by_one=True)
        if no_tools:
            self.current = self.current.without("tools")

    async def call(
        self,
        attempt: Callable[[Capabilities], Awaitable[Result]],
        lesson: Callable[[Capabilities, RejectionError], Capabilities],
    ) -> Result:
        """The attempt's result, repeated with what `lesson` makes of each rejection while that changes anything.
        What made it succeed is remembered."""
        start = trial = self.current
        for _ in range(_MOST_LESSONS):
            try:
                result = await attempt(trial)
            except RejectionError as rejection:
                learnt = lesson(trial, rejection)
                if learnt == trial:
                    raise
                trial = learnt
                continue
            if trial is not start:
                self.current = trial
            return result
        return await attempt(trial)


def drop_parameter(capabilities: Capabilities, rejection: RejectionError) -> Capabilities:
    """The usual lesson: do without the parameter that the server names."""
    return capabilities if rejection.parameter is None else capabilities.without(rejection.parameter)
