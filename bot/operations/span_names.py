"""Names in traces. Those of gen_ai are OpenTelemetry's conventions for models, which may still change; here alone."""

from bot.domain.role import Role

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
OUTPUT_TYPE = "gen_ai.output.type"
FIRST_CHUNK_SECONDS = "gen_ai.response.time_to_first_chunk"
FINISH_REASONS = "gen_ai.response.finish_reasons"
ERROR = "error.type"

JOB_ID = "kibitz.job_id"
SURFACE = "kibitz.surface"
STAGE = "kibitz.stage"
ROLE = "kibitz.role"
OUTCOME = "kibitz.outcome"
REQUESTS = "kibitz.requests"
COST_USD = "kibitz.cost_usd"
AUDIO_SECONDS = "kibitz.audio_seconds"
CHARACTERS = "kibitz.characters"
NOTICE = "kibitz.notice"
MEDIA_KIND = "kibitz.media.kind"
MEDIA_SECONDS = "kibitz.media.seconds"

JOB = "job"

OPERATIONS = {
    Role.CAPTIONS: "chat",
    Role.TRANSCRIPTS: "transcription",
    Role.CHAT: "chat",
    Role.SPEECH: "speech",
    Role.EMBEDDINGS: "embeddings",
}
"""The conventions have no word for speech into words or words into speech; those are ours."""

OUTPUT_TYPES = {Role.CAPTIONS: "text", Role.TRANSCRIPTS: "text", Role.CHAT: "text", Role.SPEECH: "speech"}
