"""How servers that call themselves compatible differ from the API, as values."""

from dataclasses import dataclass, replace
from typing import Literal

OPENAI_VOICES = frozenset(
    ("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar")
)
KOKORO_VOICES = (OPENAI_VOICES - {"ballad", "verse", "marin", "cedar"}) | {"af_heart", "af_bella", "am_adam", "bf_emma"}
ALL_FORMATS = frozenset(("json", "text", "srt", "verbose_json", "vtt", "diarized_json"))
SPEECH_FORMATS = frozenset(("mp3", "opus", "aac", "flac", "wav", "pcm"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatHabits:
    """`ignored` parameters are accepted and do nothing; `refused` ones give a 400. `context_tokens`: pictures
    beyond it are dropped silently, the oldest first. `image_types`: what can be decoded. `whole_calls`: a call of a
    tool is one event; `tools_refusal`: tools give a 400 with these words."""

    offered: bool = True
    strict: bool = True
    ignored: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    schema: Literal["obeyed", "ignored", "refused"] = "obeyed"
    max_images: int | None = None
    image_types: frozenset[str] = frozenset(("image/jpeg", "image/png", "image/webp", "image/gif"))
    context_tokens: int | None = None
    usage_in_stream: bool = True
    temperature_at_no_effort: bool = True
    reasoning_field: Literal["reasoning", "reasoning_content"] | None = None
    think_block: bool = False
    whole_calls: bool = False
    tools_refusal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingHabits:
    """`by_model`: formats depend on the model, as at OpenAI. `events`: the shape of a stream. `quality`: whether
    segments carry avg_logprob and its like, or null, or nothing. `max_file_bytes` None: no limit."""

    offered: bool = True
    max_file_bytes: int | None = 25 * 1024 * 1024
    by_model: bool = True
    formats: frozenset[str] = ALL_FORMATS
    unknown_format: Literal["refused", "json"] = "refused"
    default_format: str = "json"
    text_only: bool = False
    duration_as_string: bool = False
    word_key: Literal["word", "text"] = "word"
    words: Literal["given", "null"] = "given"
    quality: Literal["given", "null", "absent"] = "given"
    speaker: bool = False
    emotion: bool = False
    events: Literal["openai", "vllm", "empty_done"] = "openai"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakingHabits:
    """`realtime`: whether the websocket exists. `speed` bounds; `per_sentence`: one chunk for each sentence."""

    offered: bool = True
    realtime: bool = True
    voices: frozenset[str] = OPENAI_VOICES
    unknown_voice: Literal["refused", "replaced"] = "refused"
    mixed_voices: bool = False
    formats: frozenset[str] = SPEECH_FORMATS
    speed: tuple[float, float] = (0.25, 4.0)
    max_characters: int | None = 4_096
    instructions: Literal["used", "ignored", "refused"] = "used"
    per_sentence: bool = False
    strips_markdown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """`models` None: the catalogue decides; else these ids exist, and `any_model` accepts every id.
    `errors`: the body of a refusal, as OpenAI words it, without a code, with the status as code, or under `detail`
    as a text (a list for 422) or an object. `props`: GET /props tells what the model can see."""

    name: str
    needs_key: bool = True
    models: tuple[str, ...] | None = None
    any_model: bool = False
    shutdown_dates: bool = True
    errors: Literal["openai", "null_code", "numeric_code", "detail", "detail_object"] = "openai"
    props: bool = False
    chat: ChatHabits = ChatHabits()
    hearing: HearingHabits = HearingHabits()
    speaking: SpeakingHabits = SpeakingHabits()


OPENAI = Flavour(name="openai")
"""The API itself."""

AFTER_SPEECH = replace(OPENAI, name="openai-2027", speaking=SpeakingHabits(offered=False))
"""The API once REST speech has ended: only the websocket speaks."""

_NO_SPEECH = SpeakingHabits(offered=False, realtime=False)
_LOCAL_CHAT = ChatHabits(strict=False)
_LOCAL = Flavour(name="local", needs_key=False, any_model=True, shutdown_dates=False)

OLLAMA = replace(
    _LOCAL,
    name="ollama",
    errors="null_code",
    models=("qwen3-vl:8b", "gpt-oss:20b"),
    any_model=False,
    chat=ChatHabits(
        strict=False,
        ignored=frozenset(("max_completion_tokens", "detail", "n", "tool_choice", "user", "logit_bias")),
        image_types=frozenset(("image/jpeg", "image/png", "image/webp")),
        context_tokens=4_096,
        reasoning_field="reasoning",
        whole_calls=True,
    ),
    hearing=HearingHabits(by_model=False, text_only=True),
    speaking=_NO_SPEECH,
)

LLAMA_CPP = replace(
    _LOCAL,
    name="llama.cpp",
    errors="numeric_code",
    props=True,
    models=("qwen3-vl-8b",),
    any_model=True,
    chat=replace(_LOCAL_CHAT, reasoning_field="reasoning_content"),
    hearing=HearingHabits(by_model=False, formats=frozenset(("json", "text")), events="empty_done"),
    speaking=_NO_SPEECH,
)

VLLM = replace(
    _LOCAL,
    name="vllm",
    errors="numeric_code",
    models=("Qwen/Qwen3-VL-8B-Instruct", "openai/whisper-large-v3"),
    any_model=False,
    chat=replace(_LOCAL_CHAT, max_images=1),
    hearing=HearingHabits(by_model=False, duration_as_string=True, words="null", quality="null", events="vllm"),
    speaking=_NO_SPEECH,
)

SPEACHES = replace(
    _LOCAL,
    name="speaches",
    models=("Systran/faster-whisper-large-v3", "speaches-ai/Kokoro-82M-v1.0-ONNX"),
    any_model=False,
    errors="detail",
    chat=replace(_LOCAL_CHAT, offered=False),
    hearing=HearingHabits(by_model=False),
    speaking=SpeakingHabits(
        realtime=False,
        voices=KOKORO_VOICES,
        unknown_voice="replaced",
        speed=(0.5, 2.0),
        instructions="ignored",
        max_characters=None,
        strips_markdown=True,
    ),
)

PARAKEET = replace(
    SPEACHES,
    name="speaches-parakeet",
    models=("istupakov/parakeet-tdt-0.6b-v3-onnx",),
    hearing=HearingHabits(by_model=False, formats=frozenset(("json", "text"))),
)

LOCAL_AI = replace(
    _LOCAL,
    name="localai",
    chat=_LOCAL_CHAT,
    hearing=HearingHabits(
        by_model=False, default_format="verbose_json", word_key="text", quality="absent", speaker=True
    ),
    speaking=SpeakingHabits(
        realtime=False, voices=frozenset(("alloy", "nova")), unknown_voice="replaced", instructions="ignored"
    ),
)

KOKORO = replace(
    _LOCAL,
    name="kokoro-fastapi",
    models=("kokoro", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"),
    any_model=False,
    errors="detail_object",
    chat=replace(_LOCAL_CHAT, offered=False),
    hearing=HearingHabits(offered=False),
    speaking=SpeakingHabits(
        realtime=False,
        voices=KOKORO_VOICES,
        mixed_voices=True,
        instructions="ignored",
        per_sentence=True,
        max_characters=None,
    ),
)

SENSE_VOICE = replace(
    _LOCAL,
    name="sensevoice",
    chat=replace(_LOCAL_CHAT, offered=False),
    hearing=HearingHabits(by_model=False, emotion=True, quality="absent"),
    speaking=_NO_SPEECH,
)

OPENROUTER = replace(
    _LOCAL,
    name="openrouter",
    needs_key=True,
    chat=replace(_LOCAL_CHAT, reasoning_field="reasoning"),
    hearing=HearingHabits(by_model=False, formats=frozenset(("json", "text")), unknown_format="json"),
    speaking=_NO_SPEECH,
)

GROQ = replace(
    _LOCAL,
    name="groq",
    needs_key=True,
    chat=replace(_LOCAL_CHAT, max_images=5, think_block=True),
    hearing=HearingHabits(by_model=False),
    speaking=_NO_SPEECH,
)

PLAIN = replace(
    _LOCAL,
    name="plain",
    chat=replace(_LOCAL_CHAT, schema="ignored", max_images=1, usage_in_stream=False, think_block=True),
)
"""The poorest chat server: one picture at a time, no schema, no usage, thoughts in the text."""

SCHEMALESS = replace(_LOCAL, name="schemaless", chat=replace(_LOCAL_CHAT, schema="refused"))
"""A chat server that refuses `response_format` with a 400."""

FLAVOURS: tuple[Flavour, ...] = (
    OPENAI,
    AFTER_SPEECH,
    OLLAMA,
    LLAMA_CPP,
    VLLM,
    SPEACHES,
    PARAKEET,
    LOCAL_AI,
    KOKORO,
    SENSE_VOICE,
    OPENROUTER,
    GROQ,
    PLAIN,
    SCHEMALESS,
)
