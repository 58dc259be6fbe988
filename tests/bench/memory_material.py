"""A memory as a community leaves it after a year: 100,000 turns in forty places, 2,000 clips, English and Chinese."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.engine import Database
from bot.database.tables import Base, ClipRow, DigestRow, FindingRow, PassageRow, TurnClipRow, TurnPersonRow, TurnRow
from bot.domain.conversation import ConversationKey
from bot.memory.words import clip_place, place_of, search_words

SERVER = 1_311_000_000_000_000_001
FIRST_CHANNEL = 1_311_000_000_000_000_100
FIRST_PERSON = 900_000_000_000_000_000
PEOPLE = 400
_PLACES = 40
_BATCH = 5_000
_SYLLABLES = [consonant + vowel for consonant in "bdfklmnprstvz" for vowel in "aeiou"]
_COLOURS = ["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown", "grey", "white", "black"]
_HAN = "红橙黄绿青蓝紫粉棕灰白黑车人狗猫树房路山水火电影视频声音文字牌子开始结束左右上下大小快慢新旧高低"


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """What was made: places from the busiest to the quietest, the person who said most, some questions."""

    places: tuple[ConversationKey, ...]
    busiest_person: int
    questions: tuple[str, ...]
    last_jobs: dict[ConversationKey, str]


async def fill(database: Database, *, turns: int = 100_000, clips: int = 2_000, moments: int = 30) -> Community:
    """In some twenty seconds. The same each time but for the times, which end now."""
    rng = random.Random(20_261_125)
    vocabulary = _vocabulary(rng)
    now = datetime.now(UTC)
    keys = tuple(ConversationKey(server_id=SERVER, channel_id=FIRST_CHANNEL + number) for number in range(_PLACES))
    weights = [20, *(80 / (_PLACES - 1) for _ in range(_PLACES - 1))]
    digests = [f"{rng.getrandbits(256):064x}" for _ in range(clips)]
    home = [keys[0] if number % 5 == 0 else rng.choice(keys[1:]) for number in range(clips)]
    clips_of = {key: [digest for digest, where in zip(digests, home, strict=True) if where == key] for key in keys}
    rows: dict[type[Base], list[dict[str, Any]]] = {ClipRow: [], FindingRow: [], DigestRow: [], PassageRow: []}
    for number, digest in enumerate(digests):
        rows[ClipRow].append({"sha256": digest, "kept_at": now, "facts": None})
        rows[DigestRow].append(
            {
                "attachment_id": number + 1,
                "channel_id": home[number].channel_id,
                "message_id": number + 1,
                "author_id": FIRST_PERSON + number % PEOPLE,
                "sha256": digest,
            }
        )
        rows[PassageRow] += [_moment(rng, vocabulary, digest, at) for at in range(moments)]
    await _write(database, rows)
    last: dict[ConversationKey, str] = {}
    for start in range(0, turns, _BATCH):
        batch: dict[type[Base], list[dict[str, Any]]] = {
            TurnRow: [], TurnClipRow: [], TurnPersonRow: [], PassageRow: []
        }  # fmt: skip
        for number in range(start, min(start + _BATCH, turns)):
            key = rng.choices(keys, weights)[0]
            asked_at = now - timedelta(minutes=5 * (turns - number))
            _turn(rng, vocabulary, batch, number, key, asked_at, clips_of[key], last)
        await _write(database, batch)
    questions = tuple(_question(rng, vocabulary) for _ in range(400))
    return Community(places=keys, busiest_person=FIRST_PERSON, questions=questions, last_jobs=last)


def _vocabulary(rng: random.Random) -> Sequence[str]:
    """Six thousand invented words; chosen by rank they are as common and as rare as those of a language (Zipf)."""
    made = {"".join(rng.choices(_SYLLABLES, k=rng.randint(2, 4))) for _ in range(9_000)}
    return [*_COLOURS, "car", "sign", "dog", "door", "street", *sorted(made)[:6_000]]


def _words(rng: random.Random, vocabulary: Sequence[str], count: int) -> str:
    if rng.random() < 0.15:
        return "".join(rng.choices(_HAN, k=count * 2))
    ranks = (int(len(vocabulary) ** rng.random()) - 1 for _ in range(count))
    return " ".join(vocabulary[rank] for rank in ranks)


def _question(rng: random.Random, vocabulary: Sequence[str]) -> str:
    return f"What did the {_words(rng, vocabulary, rng.randint(1, 5))} do when the {rng.choice(_COLOURS)} car came?"


def _moment(rng: random.Random, vocabulary: Sequence[str], digest: str, at: int) -> dict[str, Any]:
    shown = f"A {rng.choice(_COLOURS)} {_words(rng, vocabulary, 12)}"
    return {
        "job_id": None,
        "summary_id": None,
        "sha256": digest,
        "half": "seen",
        "kind": "seen",
        "start_seconds": at * 2.0,
        "end_seconds": at * 2.0 + 2.0,
        "speaker": None,
        "shown": shown,
        "place": clip_place(digest),
        "words": " ".join(search_words(shown)),
    }


def _turn(
    rng: random.Random,
    vocabulary: Sequence[str],
    batch: dict[type[Base], list[dict[str, Any]]],
    number: int,
    key: ConversationKey,
    asked_at: datetime,
    clips: Sequence[str],
    last: dict[ConversationKey, str],
) -> None:
    job_id = f"{number:012x}"
    asker = FIRST_PERSON if rng.random() < 0.02 else FIRST_PERSON + rng.randrange(1, PEOPLE)
    question, answer = _question(rng, vocabulary), _words(rng, vocabulary, 30)
    batch[TurnRow].append(
        {
            "job_id": job_id,
            "server_id": key.server_id,
            "channel_id": key.channel_id,
            "asker_id": asker,
            "asker_name": f"person {asker % 1000}",
            "asked_at": asked_at,
            "used_at": None,
            "is_summarised": False,
            "question": question,
            "answer": answer,
            "follows": last.get(key),
            "source_channel_id": key.channel_id,
            "source_message_id": 10_000_000 + number,
            "was_heard": False,
            "notices": "[]",
            "usages": "[]",
        }
    )
    if clips and number % 4 == 0:
        batch[TurnClipRow].append(
            {
                "job_id": job_id,
                "position": 0,
                "sha256": rng.choice(clips),
                "channel_id": key.channel_id,
                "message_id": number + 1,
                "attachment_id": number + 1,
                "url": "https://cdn.invalid/clip.mp4",
                "size_bytes": 1,
                "is_voice_message": False,
                "author_id": asker,
            }
        )
    others = {FIRST_PERSON + rng.randrange(PEOPLE) for _ in range(2)} - {asker}
    batch[TurnPersonRow] += [{"job_id": job_id, "person_id": person} for person in others]
    batch[PassageRow].append(
        {
            "job_id": job_id,
            "summary_id": None,
            "sha256": None,
            "half": None,
            "kind": None,
            "start_seconds": None,
            "end_seconds": None,
            "speaker": None,
            "shown": None,
            "place": place_of(key),
            "words": " ".join(search_words(f"{question} {answer}")),
        }
    )
    last[key] = job_id


async def _write(database: Database, rows: dict[type[Base], list[dict[str, Any]]]) -> None:
    async def work(session: AsyncSession) -> None:
        for table, values in rows.items():
            for start in range(0, len(values), _BATCH):
                await session.execute(insert(table), values[start : start + _BATCH])

    await database.write(work)
