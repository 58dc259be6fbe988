"""What may be pinned: a short statement, without hidden characters, that gives the model no orders."""

import re
import unicodedata

from bot.domain.errors import BotError
from bot.domain.sentence import sentence

LONGEST = 300
"""Characters."""

_HIDDEN = ("Cc", "Cf", "Co", "Cs")  # controls, direction and zero width marks, what has no meaning of its own

# Not a defence: whoever wants to gets round it. It keeps orders out that were pinned in good faith or by copying, and
# what is pinned is quoted to the model as data either way.
_ORDERS = re.compile(
    r"""
    \b(?:ignore|disregard|forget|override|bypass)\b.{0,40}
        \b(?:instructions?|rules?|prompts?|guidelines?|messages?|directions?|everything|above)\b
    | \b(?:system|developer)\s+(?:prompt|message|mode|instructions?)\b
    | \b(?:jailbreak|prompt\s+injection)\b
    | \b(?:from\s+now\s+on|starting\s+now|you\s+are\s+now|you\s+will\s+now)\b
    | \b(?:act|behave|roleplay|respond|answer|speak)\s+(?:as|like)\s+(?:an?|the|if|though|my)\b
    | \bpretend\s+(?:to\s+be|that|you)\b
    | \byou\s+(?:must|shall|should|have\s+to|need\s+to|may\s+not|can\s*not|can't|are\s+to)\b
    | \b(?:always|never|only|don't|do\s+not)\s+
        (?:answer|reply|respond|say|tell|mention|reveal|speak|write|output|print|include|end|begin|start)\b
    | (?:^|[.!?;:\n]\s*)(?:please\s+)?
        (?:answer|reply|respond|say|speak|write|output|print|repeat|translate|obey|execute|ignore|disregard|reveal)\b
    | \b(?:when|whenever|if)\s+(?:\w+\s+){1,3}(?:asks?|says?|writes?)\b.{0,60}\b(?:answer|reply|respond|say|tell)\b
    | <\|.{0,20}\|> | \[/?inst\] | </?(?:system|user|assistant|instructions?|rules?)> | ^\s*(?:system|assistant)\s*:
    | (?:忽略|无视|無視|忘记|忘記|忘掉|不要理会|不要理會|不要遵守|绕过|繞過).{0,15}
        (?:指令|指示|规则|規則|提示|要求|命令|限制|之前|以上|内容|內容)
    | (?:系统|系統)(?:提示|指令|消息)
    | 从现在(?:开始|起)|從現在(?:開始|起)|从今以后|從今以後|从此以后|從此以後
    | 你(?:现在|現在)是|扮演|假装(?:你|自己|成)|假裝(?:你|自己|成)
    | 你(?:必须|必須|应该|應該|应当|應當|只能|不能|不许|不許|不得|不要|务必|務必|一定要)
    | (?:总是|總是|始终|始終|永远|永遠|一律|必须|必須|只能|不要|不许|不許|不得|禁止|务必|務必|以后都|以後都).{0,8}
        (?:回答|回复|回覆|答复|答覆|输出|輸出|透露|提及|告诉|告訴|说出|說出)
    | (?:^|[。！？；\n]\s*)(?:请|請)?(?:你)?(?:用.{1,8})?(?:回答|回复|回覆|输出|輸出|重复|重複|翻译|翻譯)
    | (?:当|當|每当|每當|如果|只要).{1,15}(?:问|問|说|說).{0,20}(?:回答|回复|回覆|告诉|告訴|就说|就說)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def fact_text(text: str) -> str:
    """The statement on one line. Raises BotError where it may not be pinned."""
    said = " ".join("".join(_shown(character) for character in text).split())
    if not said:
        raise BotError("fact_empty", "There is nothing to remember in that. Write what I should know.")
    if len(said) > LONGEST:
        raise BotError(
            "fact_too_long", sentence("That is too long to pin. Say it in at most {n} characters.", n=LONGEST)
        )
    if _ORDERS.search(unicodedata.normalize("NFKC", said)):
        raise BotError(
            "fact_instruction",
            "That reads like an order to me. I only pin facts; say it as one, such as “We meet on Mondays”.",
        )
    return said


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in _HIDDEN else character
