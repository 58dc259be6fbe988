"""One clock: spans of captions, text on screen, order and notices."""

from bot.domain.media import Silence
from bot.domain.speech import Segment
from bot.domain.timeline import Caption, Moment, MomentKind, Notice, NoticeCode, Timeline


def caption(at: float, text: str, screen: str | None = None, since: float | None = None) -> Caption:
    return Caption(at_seconds=at, since_seconds=at if since is None else since, text=text, text_on_screen=screen)


def spans(timeline: Timeline, kind: MomentKind) -> list[tuple[float, float, str]]:
    return [(m.start_seconds, m.end_seconds, m.text) for m in timeline.of(kind)]


def test_equal_neighbours_are_one_moment_and_a_scene_begins_at_its_cut() -> None:
    woven = Timeline.weave(
        duration_seconds=9.0,
        captions=[caption(0, "red"), caption(2, "Red"), caption(3.1, "blue", since=3.0), caption(8.9, "blue")],
        cuts=[3.0, 3.0],
    )
    assert spans(woven, MomentKind.SEEN) == [(0, 3.0, "red"), (3.0, 9.0, "blue")]
    assert spans(woven, MomentKind.CUT) == [(3.0, 3.0, "")]


def test_the_same_scene_coming_back_is_a_moment_of_its_own() -> None:
    woven = Timeline.weave(duration_seconds=9, captions=[caption(0, "red"), caption(3, "blue"), caption(6, "red")])
    assert [text for _, _, text in spans(woven, MomentKind.SEEN)] == ["red", "blue", "red"]


def test_an_empty_caption_prolongs_and_an_undescribed_frame_ends() -> None:
    woven = Timeline.weave(
        duration_seconds=10,
        captions=[caption(0, "a man"), caption(2, ""), caption(8, "a dog")],
        uncaptioned=[5.0],
    )
    assert spans(woven, MomentKind.SEEN) == [(0, 5.0, "a man"), (8, 10, "a dog")]


def test_text_ends_with_the_first_frame_without_it() -> None:
    woven = Timeline.weave(
        duration_seconds=60,
        captions=[caption(0, "a slide", "Results"), caption(40, "", "Results 2025"), caption(50, "a dog", None)],
    )
    assert spans(woven, MomentKind.TEXT) == [(0, 40, "Results"), (40, 50, "Results 2025")]


def test_pictures_end_before_longer_sound() -> None:
    woven = Timeline.weave(
        duration_seconds=20,
        picture_end_seconds=8,
        captions=[caption(0, "a door")],
        segments=[Segment(start_seconds=15, end_seconds=16, text=" bye ")],
    )
    assert spans(woven, MomentKind.SEEN) == [(0, 8, "a door")]
    assert spans(woven, MomentKind.HEARD) == [(15, 16, "bye")]


def test_moments_stand_in_order_of_time_and_notices_once() -> None:
    notice = Notice(code=NoticeCode.NO_SPEECH, public="x")
    woven = Timeline.weave(
        duration_seconds=9,
        captions=[caption(6, "late"), caption(0, "early")],
        segments=[
            Segment(start_seconds=4, end_seconds=5, text="two"),
            Segment(start_seconds=1, end_seconds=2, text="one"),
            Segment(start_seconds=7, end_seconds=8, text="  "),
        ],
        sounds=[
            Moment(kind=MomentKind.SOUND, start_seconds=4, end_seconds=6, text="laughter"),
            Moment(kind=MomentKind.TONE, start_seconds=4, end_seconds=5, text="excited"),
        ],
        silences=[Silence(start_seconds=2, end_seconds=4)],
        cuts=[6.0],
        notices=[notice, notice],
    )
    assert [(m.kind, m.start_seconds) for m in woven.moments] == [
        (MomentKind.SEEN, 0),
        (MomentKind.HEARD, 1),
        (MomentKind.SILENCE, 2),
        (MomentKind.HEARD, 4),
        (MomentKind.TONE, 4),
        (MomentKind.SOUND, 4),
        (MomentKind.CUT, 6),
        (MomentKind.SEEN, 6),
    ]
    assert woven.notices == (notice,)
