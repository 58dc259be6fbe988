"""How an offline answer is worded, in English and Chinese."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.clock import clock_time
from bot.domain.timeline import Moment, MomentKind, Notice, NoticeCode

_LONGEST_QUOTE = 180
_OF_PROVIDERS = {NoticeCode.OFFLINE, NoticeCode.FALLBACK_USED, NoticeCode.MODEL_GONE}
_NOTICES_ZH = {
    NoticeCode.NO_SOUND: "片段没有声音",
    NoticeCode.SILENT_SOUND: "片段有音轨，但没有声音",
    NoticeCode.NO_SPEECH: "声音中没有识别出语音",
    NoticeCode.NO_PICTURE: "文件只有声音，没有画面",
    NoticeCode.STILL_PICTURE: "这是一张静止的图片",
    NoticeCode.SOUND_UNREADABLE: "音轨已损坏",
    NoticeCode.PICTURE_UNREADABLE: "画面已损坏",
    NoticeCode.CAPTIONS_MISSING: "部分画面无法描述",
    NoticeCode.TRANSCRIPT_MISSING: "部分声音无法识别",
    NoticeCode.FRAMES_DROPPED: "部分画面未查看",
    NoticeCode.FILE_DAMAGED: "文件已损坏，只用了能读取的部分",
    NoticeCode.DEGRADED: "为节省费用，画面只看了一部分",
}
_COLOURS_ZH = {
    "black": "黑色",
    "grey": "灰色",
    "gray": "灰色",
    "white": "白色",
    "red": "红色",
    "orange": "橙色",
    "yellow": "黄色",
    "green": "绿色",
    "cyan": "青色",
    "blue": "蓝色",
    "purple": "紫色",
    "pink": "粉色",
    "brown": "棕色",
}
_SOUNDS_ZH = {"laughter": "笑声", "applause": "掌声", "music": "音乐", "shouting": "喊叫声"}
_TONES_ZH = {"excited": "激动", "calm": "平静", "loud": "大声", "quiet": "小声"}
COLOURS = frozenset(_COLOURS_ZH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The fixed sentences of one language."""

    chinese: bool
    label: str
    nothing: str
    known: str
    empty: str
    no_clip: str
    not_then: str
    whole_picture: str
    speech: str
    no_speech: str
    no_sound: str
    silence: str

    def say(self, moment: Moment) -> str:
        """One moment as a sentence with its time."""
        at = cite(moment)
        if moment.kind is MomentKind.SEEN:
            words = _short(moment.text)
            return f"画面：{words.rstrip('.。')} {at}。" if self.chinese else f"{words.rstrip('.')} {at}."
        words = _short(moment.text)
        if moment.kind is MomentKind.TEXT:
            return f"屏幕上写着“{words}” {at}。" if self.chinese else f"The screen read “{words}” {at}."
        if moment.kind is MomentKind.SOUND:
            return (
                f"听起来有{_SOUNDS_ZH.get(words, words)} {at}。" if self.chinese else f"There seems to be {words} {at}."
            )
        who = moment.speaker or ("有人" if self.chinese else "Someone")
        if moment.kind is MomentKind.TONE:
            return (
                f"{who}的语气听起来：{_TONES_ZH.get(words, words)} {at}。"
                if self.chinese
                else f"{who} sounds {words} {at}."
            )
        return f"{who}说“{words}” {at}。" if self.chinese else f"{who} said “{words}” {at}."

    def colours(self, found: Sequence[tuple[str, Moment]]) -> str:
        """Colours with their times."""
        if self.chinese:
            return "颜色：" + "，".join(f"{_COLOURS_ZH[name]} {cite(moment)}" for name, moment in found) + "。"
        return "The colours were " + ", ".join(f"{name} {cite(moment)}" for name, moment in found) + "."

    def length(self, seconds: float) -> str:
        """The duration of the clip."""
        if self.chinese:
            return f"片段长 {seconds:.1f} 秒。"
        return f"The clip is {seconds:.1f} seconds long."

    def gaps(self, notices: Sequence[Notice]) -> str:
        """One sentence on what is known to be missing; empty when nothing is."""
        missing = [notice for notice in notices if notice.code not in _OF_PROVIDERS]
        if not missing:
            return ""
        if self.chinese:
            told = list(dict.fromkeys(_NOTICES_ZH.get(notice.code, "部分内容缺失") for notice in missing))
            return f"已知缺漏：{'；'.join(told)}。"
        return f"Known gaps: {'; '.join(notice.public.rstrip('.') for notice in missing)}."


ENGLISH = Wording(
    chinese=False,
    label="Offline answer, taken from what was read and heard:",
    nothing="Nothing that was read or heard answers this.",
    known="What is known:",
    empty="Nothing was read, seen or heard in this clip.",
    no_clip="Without a model I can only tell what is in a clip. Post one with your question, or reply to one.",
    not_then="Nothing of that kind was found at that time.",
    whole_picture="I can only tell the colours of the whole picture.",
    speech="Speech was heard.",
    no_speech="No speech was recognised.",
    no_sound="There is no sound to hear.",
    silence="It is silent",
)
CHINESE = Wording(
    chinese=True,
    label="离线回答，取自读到和听到的内容：",
    nothing="读到和听到的内容里没有这个问题的答案。",
    known="已知的是：",
    empty="这个片段里没有读到、看到或听到任何内容。",
    no_clip="没有模型时，我只能讲片段里的内容。请把片段和问题一起发出，或回复一个片段。",
    not_then="那个时间没有找到这类内容。",
    whole_picture="我只能说出整个画面的颜色。",
    speech="听到了说话声。",
    no_speech="没有识别出语音。",
    no_sound="听不到声音。",
    silence="静音",
)


def cite(moment: Moment) -> str:
    """The start of a moment as answers cite it."""
    return f"[{clock_time(moment.start_seconds)}]"


def _short(text: str) -> str:
    words = " / ".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
    words = words.replace("“", "'").replace("”", "'")
    if len(words) <= _LONGEST_QUOTE:
        return words
    cut = words[:_LONGEST_QUOTE]
    return (cut.rsplit(" ", 1)[0] if " " in cut else cut) + "…"
