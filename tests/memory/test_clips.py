"""What is known of clips: by recipe, while it is fresh, found again by attachment."""

from datetime import timedelta

from sqlalchemy import text

from bot.database.engine import Database
from bot.domain.media import AudioStream, MediaKind, MediaProbe, Silence, VideoStream
from bot.domain.role import Role
from bot.domain.speech import Segment
from bot.domain.timeline import Caption, Notice, NoticeCode
from bot.domain.understanding import Heard, Seen
from bot.memory.store import Memory

from ..database.material import BIGGEST_ID, NOON, clip, source, turn
from .conftest import Clock

CAT, DOG = "c" * 64, "d" * 64
SEEN = Seen(
    captions=(Caption(at_seconds=0.5, since_seconds=0.0, text="A cat.", text_on_screen="猫"),),
    cuts=(1.25,),
    end_seconds=9.5,
    notices=(Notice(code=NoticeCode.CAPTIONS_MISSING, public="One frame is missing.", role=Role.CAPTIONS),),
)
HEARD = Heard(
    segments=(Segment(start_seconds=0.0, end_seconds=1.0, text="Meow.", speaker="A"),),
    silences=(Silence(start_seconds=1.0, end_seconds=9.5),),
    language="en",
    has_sound=True,
    end_seconds=9.5,
)
PROBE = MediaProbe(
    kind=MediaKind.VIDEO,
    container="mp4",
    size_bytes=12345,
    duration_seconds=9.5,
    video=VideoStream(index=0, codec="h264", width=640, height=360, frame_rate_hz=29.97),
    audio=AudioStream(index=1, codec="aac", rate_hz=48000, channels=2),
)


async def test_seen_and_heard_are_kept_apart_by_clip_and_recipe(memory: Memory) -> None:
    await memory.keep_seen(CAT, "r1", SEEN, fresh_until=None)
    await memory.keep_heard(CAT, "r1", HEARD, fresh_until=None)
    assert await memory.seen(CAT, "r1") == SEEN
    assert await memory.heard(CAT, "r1") == HEARD
    assert await memory.seen(CAT, "r2") is None
    assert await memory.seen(DOG, "r1") is None
    assert await memory.heard(DOG, "r1") is None


async def test_what_is_kept_again_replaces(memory: Memory) -> None:
    await memory.keep_seen(CAT, "r1", Seen(), fresh_until=NOON)
    await memory.keep_seen(CAT, "r1", SEEN, fresh_until=None)
    assert await memory.seen(CAT, "r1") == SEEN
    await memory.keep_heard(CAT, "r1", Heard(), fresh_until=None)
    await memory.keep_heard(CAT, "r1", HEARD, fresh_until=None)
    assert await memory.heard(CAT, "r1") == HEARD


async def test_what_is_overdue_is_not_returned(memory: Memory, clock: Clock) -> None:
    await memory.keep_seen(CAT, "r1", SEEN, fresh_until=NOON + timedelta(hours=1))
    await memory.keep_heard(CAT, "r1", HEARD, fresh_until=NOON + timedelta(hours=2))
    clock.pass_by(hours=1, seconds=-1)
    assert await memory.seen(CAT, "r1") == SEEN
    clock.pass_by(seconds=1)
    assert await memory.seen(CAT, "r1") is None
    assert await memory.heard(CAT, "r1") == HEARD


async def test_what_another_version_wrote_is_not_known(memory: Memory, database: Database) -> None:
    await memory.keep_seen(CAT, "r1", SEEN, fresh_until=None)
    await database.write(lambda session: session.execute(text("""UPDATE findings SET value = '{"captions": 1}'""")))
    assert await memory.seen(CAT, "r1") is None


async def test_facts(memory: Memory) -> None:
    assert await memory.facts(CAT) is None
    await memory.keep_seen(CAT, "r1", SEEN, fresh_until=None)
    assert await memory.facts(CAT) is None
    await memory.keep_facts(CAT, PROBE)
    await memory.keep_heard(CAT, "r1", HEARD, fresh_until=None)
    assert await memory.facts(CAT) == PROBE


async def test_a_clip_is_found_by_its_attachment(memory: Memory) -> None:
    await memory.keep_digest(source(1), CAT)
    await memory.keep_digest(source(2), CAT)
    await memory.keep_digest(source(1), CAT)
    assert await memory.digest_of(source(1).attachment_id) == CAT
    assert await memory.digest_of(source(2).attachment_id) == CAT
    assert await memory.digest_of(BIGGEST_ID) is None


async def test_old_clips_go_unless_a_turn_is_about_them(memory: Memory, clock: Clock) -> None:
    for sha256 in (CAT, DOG, clip(1).sha256):
        await memory.keep_seen(sha256, "r1", SEEN, fresh_until=None)
    await memory.keep_digest(source(3), CAT)
    await memory.keep_turn(turn(1, clips=(clip(1),)))
    clock.pass_by(days=40)
    await memory.keep_facts(DOG, PROBE)
    gone = await memory.prune(turns_before=NOON, clips_before=clock.now - timedelta(days=30))
    assert len(gone.clips) == 1
    assert await memory.seen(CAT, "r1") is None
    assert await memory.digest_of(source(3).attachment_id) is None
    assert await memory.seen(DOG, "r1") == SEEN
    assert await memory.seen(clip(1).sha256, "r1") == SEEN


async def test_overdue_findings_are_deleted(memory: Memory, database: Database, clock: Clock) -> None:
    await memory.keep_seen(CAT, "r1", SEEN, fresh_until=NOON + timedelta(hours=1))
    await memory.keep_seen(CAT, "r2", SEEN, fresh_until=None)
    clock.pass_by(hours=1)
    assert (await memory.prune(turns_before=NOON, clips_before=NOON)).is_nothing
    left = await database.read(lambda session: session.scalar(text("SELECT count(*) FROM findings")))
    assert left == 1
