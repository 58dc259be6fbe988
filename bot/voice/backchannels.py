"""What a short remark is: a sign of listening, a stop word, or nothing at all."""

import re

from bot.voice.names import CalledNames
from bot.voice.plain_words import NO_PHRASES, consists_of, is_unspaced, words_of
from bot.voice.word_lists import phrases

MOST_BACKCHANNEL_WORDS = 3
MOST_BACKCHANNEL_CHARACTERS = 8
"""Of scripts without spaces; twice the same in a row counts once, as with words."""
LONGEST_REMARK = 400
"""Characters; what is longer is no remark."""

_MURMURS = phrases("murmurs")
_ASSENTS = phrases("assents")
_YES = _ASSENTS | phrases("nods")
_STOPS = phrases("stops")
_POLITE = phrases("polite")
_NO_STOPS = phrases("no_stops")

# Sounds as recognisers spell them, with any number of repeated letters; words have no accents here.
_MURMUR = re.compile(
    r"m+|h+m+|a+h*|a+h+a+|o+h*|o+h*o+|o+h*m+|u+h+|u+m+|u+h+m+|e+h*m*|e+h+|e+r+m*|e+u+h*|h+u+h+|h+e+h+|h+a+h*|a+h*m+"
    r"|w+o+w+|w+h*o+a+h*|g+a+h+|p+f+t*|h+u+m+|ts+k*|hm+p+h*"
)
_NOD = re.compile(r"(?<!\S)(?:m+h+m+|u+h+u+h+|u+hu+m+|a+ha+m+|(?:u+h+|m+) h+(?:u+h+|m+)|a+ha+)(?!\S)")

# What recognisers write for noise: "[BLANK_AUDIO]", "(music)", "<noise>", "++BREATH++", "*coughs*", "♪ ♪".
_NOISE = re.compile(r"\[[^\]]*\]|\([^)]*\)|（[^）]*）|【[^】]*】|<[^>]*>|\+\+\w*\+\+|\*[^*]*\*|♪[^♪]*♪?")
# Whole texts that recognisers invent on silence and that nobody says to a bot.
_PHANTOM = re.compile(
    r"thank(?:s| you)(?: guys| all| everyone)?(?: so much| very much)? for (?:watching|viewing|listening)\b.{0,60}"
    r"|(?:please |and |like |dont forget to ){0,4}subscribe(?: to (?:my|our|the|this) channel.{0,40})?"
    r"|(?:ill )?see you (?:guys |all )?(?:in|on) the next (?:video|one).{0,20}"
    r"|subtitles? (?:by|provided) .{0,80}|.{0,40}amara ?org.{0,40}|transcri(?:bed|ption) by .{0,80}"
    r"|untertitel(?:ung)? (?:von|der|im auftrag) .{0,80}|(?:vielen )?danke? furs zuschauen.{0,30}"
    r"|sous titr\w* (?:realise|par|de la|fait|st) ?.{0,80}|merci davoir regarde.{0,40}"
    r"|subtitulos (?:por|realizados|hechos|de la comunidad).{0,80}|(?:muchas )?gracias por ver.{0,40}"
    r"|legendas pela .{0,60}|obrigad[oa] por assistir.{0,40}"
    r"|sottotitoli (?:creati|a cura|e revisione).{0,60}|grazie per aver guardato.{0,40}"
    r"|субтитры (?:сделал|создавал|подготов|подогнал|делал).{0,60}|продолжение следует|спасибо за просмотр.{0,40}"
    r"|ご視聴ありがとうございました|ご清聴ありがとうございました|チャンネル登録(?:を?お願い|よろしく).{0,30}"
    r"|(?:中文)?字幕(?:由|提供|组|組|志愿|翻訳|作成|制作).{0,40}"
    r"|시청해 ?주셔서 ?감사합니다.{0,20}|구독과 ?좋아요.{0,40}|[请請]不吝点赞.{0,40}"
    r"|(?:感谢|谢谢|謝謝|多謝|感謝)(?:您|大家|你)?的?(?:观看|收看|收听|觀看|收聽)"
)


def is_nothing(text: str) -> bool:
    """Whether nobody said anything: empty, noise in brackets, or what recognisers invent on silence."""
    words = _remark(text) if len(text) <= LONGEST_REMARK else words_of(text)
    joined = ("" if words and is_unspaced(words[0]) else " ").join(words)
    return not words or _PHANTOM.fullmatch(joined) is not None


def is_backchannel(text: str, *, bot_asked: bool = False) -> bool:
    """Whether the whole text only shows that somebody listens. When the bot has just asked something, "yes", "mhm" and
    their like are an answer; a sound that says nothing ("hmm", "哦") never is."""
    words = tuple(_NOD.sub("mhm", " ".join(_remark(text))).split()) if len(text) <= LONGEST_REMARK else ()
    words = tuple(_unstretched(word) for word, before in zip(words, ("", *words), strict=False) if word != before)
    rest = tuple(word for word in words if not _MURMUR.fullmatch(word))
    spaced = sum(not is_unspaced(word) for word in rest)
    if not words or spaced > MOST_BACKCHANNEL_WORDS or len(rest) - spaced > MOST_BACKCHANNEL_CHARACTERS:
        return False
    if not rest or consists_of(rest, needed=_MURMURS, allowed=NO_PHRASES):
        return True
    return not bot_asked and (_are_assents(rest) or _are_assents(words))


def is_stop(text: str, *, names: CalledNames | None = None) -> bool:
    """Whether the whole text tells the bot to be silent; its name and polite words may be around it."""
    words = _remark(text) if len(text) <= LONGEST_REMARK else ()
    if names is not None:
        words = names.without(words)
    words = tuple(map(_unstretched, words))
    return consists_of(words, needed=_STOPS, allowed=_POLITE) > 0 and words not in _NO_STOPS


def is_name_only(text: str, *, names: CalledNames) -> bool:
    """Whether somebody only calls the bot ("Kibitz?", "hey Kibitz")."""
    words = _remark(text) if len(text) <= LONGEST_REMARK else ()
    rest = names.without(words)
    return len(rest) < len(words) and (not rest or consists_of(rest, needed=_POLITE, allowed=_MURMURS) > 0)


def asks(text: str) -> bool:
    """Whether what the bot said ends with a question, so that "yes" is an answer to it."""
    return text.rstrip(" \t\n\"'”’»)]」』）】*_").endswith(("?", "？", "؟", "吗", "呢"))


def _remark(text: str) -> tuple[str, ...]:
    return words_of(_NOISE.sub(" ", text))


def _are_assents(words: tuple[str, ...]) -> bool:
    return consists_of(words, needed=_YES, allowed=_MURMURS) > 0


def _unstretched(word: str) -> str:
    """As "yesss" is "yes", and "coool" "cool"."""
    if not is_unspaced(word):
        for replacement in (r"\1", r"\1\1"):
            short = re.sub(r"(.)\1{2,}", replacement, word)
            if short != word and ((short,) in _ASSENTS or (short,) in _STOPS):
                return short
    return word
