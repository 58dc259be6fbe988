"""The sentences of known gaps, one place for all of them."""

from bot.domain.errors import BotError, ProviderError
from bot.domain.role import Role
from bot.domain.sentence import Sentence, counted, sentence
from bot.domain.timeline import Notice, NoticeCode

NO_SOUND = Notice(code=NoticeCode.NO_SOUND, public="The clip has no sound.")
SILENT_SOUND = Notice(code=NoticeCode.SILENT_SOUND, public="The clip has a sound track, but it is silent.")
NO_SPEECH = Notice(code=NoticeCode.NO_SPEECH, public="No speech was recognised in the sound.")
NO_PICTURE = Notice(code=NoticeCode.NO_PICTURE, public="The file holds only sound, no picture.")
STILL_PICTURE = Notice(code=NoticeCode.STILL_PICTURE, public="This is a still picture: it has no motion and no sound.")
SOUND_UNREADABLE = Notice(code=NoticeCode.SOUND_UNREADABLE, public="The sound track is damaged and could not be heard.")
PICTURE_UNREADABLE = Notice(
    code=NoticeCode.PICTURE_UNREADABLE, public="The pictures are damaged and could not be seen."
)
FILE_DAMAGED = Notice(
    code=NoticeCode.FILE_DAMAGED, public="The file is damaged; only what could be read of it was used."
)
ANSWER_INTERRUPTED = Notice(
    code=NoticeCode.ANSWER_INTERRUPTED,
    role=Role.CHAT,
    public="The connection to the chat model broke and the answer is incomplete; ask again to retry.",
)
ANSWER_CUT = Notice(
    code=NoticeCode.ANSWER_CUT, role=Role.CHAT, public="The answer reached its length limit and ends early."
)
ANSWER_FILTERED = Notice(
    code=NoticeCode.ANSWER_FILTERED, role=Role.CHAT, public="The vendor's content filter stopped the answer."
)
SPEECH_MISSING = Notice(
    code=NoticeCode.SPEECH_MISSING, role=Role.SPEECH, public="The answer could not be spoken; it stands as text only."
)
SPEECH_INTERRUPTED = Notice(
    code=NoticeCode.SPEECH_INTERRUPTED, role=Role.SPEECH, public="Part of the answer could not be spoken."
)
SPEECH_SHORTENED = Notice(
    code=NoticeCode.SPEECH_SHORTENED, role=Role.SPEECH, public="Only the beginning of this long answer is spoken."
)
TIMELINE_SHORTENED = Notice(
    code=NoticeCode.TIMELINE_SHORTENED, public="The timeline was too long for the model and was thinned out."
)


def captions_missing(missing: int, total: int, reason: ProviderError | None) -> Notice:
    """Some frames nobody described; the reason is the sentence of our own that came with the failure."""
    return Notice(
        code=NoticeCode.CAPTIONS_MISSING,
        role=Role.CAPTIONS,
        public=_with_reason(
            sentence("{missing} of {total} frames could not be described.", missing=missing, total=total), reason
        ),
    )


def scenes_unseen(count: int) -> Notice:
    """There are more scenes than frames may be chosen."""
    return Notice(
        code=NoticeCode.FRAMES_DROPPED,
        public=counted("{n} short scene was not looked at.", "{n} short scenes were not looked at.", count),
    )


def transcript_missing(missing_seconds: float, total_seconds: float, reason: ProviderError) -> Notice:
    """Some sound nobody transcribed; the reason is as above."""
    return Notice(
        code=NoticeCode.TRANSCRIPT_MISSING,
        role=Role.TRANSCRIPTS,
        public=_with_reason(
            sentence(
                "{missing:.0f} of {total:.0f} seconds of sound could not be transcribed.",
                missing=missing_seconds,
                total=total_seconds,
            ),
            reason,
        ),
    )


def _with_reason(gap: Sentence, reason: ProviderError | None) -> Sentence:
    return gap if reason is None else sentence("{gap} {reason}", gap=gap, reason=reason.public)


def look_failed(reason: BotError) -> Notice:
    """The model wanted to examine a part of a clip again."""
    return Notice(
        code=NoticeCode.LOOK_FAILED, public=sentence("I could not look again: {reason}", reason=reason.public)
    )


def times_removed(count: int) -> Notice:
    """The model cited times that are not in the timeline."""
    return Notice(
        code=NoticeCode.TIME_NOT_IN_TIMELINE,
        role=Role.CHAT,
        public=counted(
            "The model named {n} time not in the timeline; taken out.",
            "The model named {n} times not in the timeline; taken out.",
            count,
        ),
    )
