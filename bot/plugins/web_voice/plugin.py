"""The plugin web_voice: who speaks, how names are said, and how loud."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import aiohttp

from bot.hooks import AudioChunk, Kibitz, Occasion, Permission, Plugin, Synthesizer, hookimpl
from bot.plugins.web_voice.settings import WebVoiceSettings
from bot.plugins.web_voice.sound import amplified
from bot.plugins.web_voice.speaker import WebSpeaker

# Scripts without spaces between words: Thai to Lao, kana, and Chinese characters.
_SPACELESS = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
_NO_LETTER_BEFORE = rf"(?<![^\W{_SPACELESS}])"
_NO_LETTER_BEHIND = rf"(?![^\W{_SPACELESS}])"


class WebVoice(Plugin):
    """The session is opened and closed on the plugin's own event loop, where all its hooks are called."""

    name = "web_voice"
    version = "1.0"
    summary = "Speaks with the voices of another server, in a persona for each place."
    permissions = frozenset({Permission.WORDS, Permission.SOUND, Permission.NETWORK})
    sends = "Sentences that are spoken go to the speech server of the settings."
    settings_model = WebVoiceSettings
    catalogue = Path(__file__).parent / "locales"
    settings: WebVoiceSettings

    def __init__(self, kibitz: Kibitz, settings: WebVoiceSettings) -> None:
        super().__init__(kibitz, settings)
        self._session: aiohttp.ClientSession | None = None
        self._said = {name: Pronunciation(persona.say) for name, persona in settings.personas.items()}

    @hookimpl
    async def on_start(self) -> None:
        key, seconds = self.settings.api_key, self.settings.timeout_seconds
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds),
        )

    @hookimpl
    async def on_stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    @hookimpl
    def register_synthesizers(self) -> Mapping[str, Synthesizer]:
        return {self.name: WebSpeaker(self.name, self.settings, self._session)} if self._session else {}

    @hookimpl
    def edit_sentence(self, sentence: str, occasion: Occasion) -> str | None:
        name = self.settings.persona_name(occasion.voice)
        return None if name is None else self._said[name].of(sentence)

    @hookimpl
    def edit_speech(self, chunk: AudioChunk, occasion: Occasion) -> AudioChunk | None:
        gain_db = self.settings.persona(occasion.voice).gain_db
        return replace(chunk, pcm=amplified(chunk.pcm, gain_db)) if gain_db else None


class Pronunciation:
    """Names as they are written, and how to say them: whole words, in small or capital letters, the longest first."""

    def __init__(self, say: Mapping[str, str]) -> None:
        self._say = {name.casefold(): said for name, said in say.items() if name.strip()}
        names = sorted(self._say, key=len, reverse=True)
        words = "|".join(map(re.escape, names))
        self._names = re.compile(f"{_NO_LETTER_BEFORE}(?:{words}){_NO_LETTER_BEHIND}", re.IGNORECASE) if names else None

    def of(self, sentence: str) -> str | None:
        """None: there is nothing to change."""
        if self._names is None:
            return None
        return self._names.sub(lambda found: self._say.get(found[0].casefold(), found[0]), sentence)
