"""What Discord says when it refuses: HTTP status, JSON error code, and the tree of form errors."""

from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer of the server, not a failure of the simulator
    """A request is refused with `status` and Discord's error body."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        errors: dict[str, Any] | None = None,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
        self.extra = extra or {}
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"message": self.message, "code": self.code, **self.extra}
        if self.errors:
            body["errors"] = self.errors
        return body


class Form:
    """Collects what is wrong with a body, so that all of it is refused at once as 50035."""

    def __init__(self) -> None:
        self.errors: dict[str, Any] = {}

    def wrong(self, path: str, code: str, message: str) -> None:
        """`path`: keys and list positions with dots between them."""
        node = self.errors
        for key in path.split("."):
            node = node.setdefault(key, {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def text(self, path: str, value: Any, longest: int, *, shortest: int = 0, required: bool = False) -> None:
        """Complains unless `value` is a text of that length, or absent."""
        if value is None:
            if required:
                self.required(path)
        elif not isinstance(value, str):
            self.wrong(path, "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
        elif len(value) > longest:
            if shortest:
                self.wrong(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")
            else:
                self.wrong(path, "BASE_TYPE_MAX_LENGTH", f"Must be {longest} or fewer in length.")
        elif len(value) < shortest:
            if value:
                self.wrong(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {shortest} and {longest} in length.")
            else:
                self.required(path)

    def required(self, path: str) -> None:
        self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required")

    def count(self, path: str, value: list[Any], most: int, *, least: int = 0) -> None:
        if not least <= len(value) <= most:
            self.wrong(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length.")

    def raise_if_wrong(self) -> None:
        if self.errors:
            raise Refusal(400, 50035, "Invalid Form Body", errors=self.errors)


def invalid_form(path: str, code: str, message: str) -> Refusal:
    form = Form()
    form.wrong(path, code, message)
    return Refusal(400, 50035, "Invalid Form Body", errors=form.errors)


def unauthorised() -> Refusal:
    return Refusal(401, 0, "401: Unauthorized")


def no_user_agent() -> Refusal:
    return Refusal(
        403,
        40333,
        "internal network error",
    )


def unknown_route() -> Refusal:
    return Refusal(404, 0, "404: Not Found")


def unknown_channel() -> Refusal:
    return Refusal(404, 10003, "Unknown Channel")


def unknown_guild() -> Refusal:
    return Refusal(404, 10004, "Unknown Guild")


def unknown_voice_state() -> Refusal:
    return Refusal(404, 10065, "Unknown Voice State")


def unknown_member() -> Refusal:
    return Refusal(404, 10007, "Unknown Member")


def unknown_message() -> Refusal:
    return Refusal(404, 10008, "Unknown Message")


def unknown_user() -> Refusal:
    return Refusal(404, 10013, "Unknown User")


def unknown_emoji() -> Refusal:
    return Refusal(400, 10014, "Unknown Emoji")


def unknown_webhook() -> Refusal:
    return Refusal(404, 10015, "Unknown Webhook")


def unknown_interaction() -> Refusal:
    return Refusal(404, 10062, "Unknown interaction")


def unknown_command() -> Refusal:
    return Refusal(404, 10063, "Unknown application command")


def entity_too_large() -> Refusal:
    return Refusal(413, 40005, "Request entity too large")


def already_acknowledged() -> Refusal:
    return Refusal(400, 40060, "Interaction has already been acknowledged.")


def too_many_followups() -> Refusal:
    return Refusal(400, 40094, "This interaction has reached the maximum number of follow-up messages.")


def missing_access() -> Refusal:
    return Refusal(403, 50001, "Missing Access")


def not_in_a_direct_message() -> Refusal:
    return Refusal(403, 50003, "Cannot execute action on a DM channel")


def not_the_author() -> Refusal:
    return Refusal(403, 50005, "Cannot edit a message authored by another user")


def empty_message() -> Refusal:
    return Refusal(400, 50006, "Cannot send an empty message")


def cannot_message_user() -> Refusal:
    return Refusal(403, 50007, "Cannot send messages to this user")


def missing_permissions() -> Refusal:
    return Refusal(403, 50013, "Missing Permissions")


def invalid_webhook_token() -> Refusal:
    return Refusal(401, 50027, "Invalid Webhook Token")


def invalid_json() -> Refusal:
    return Refusal(400, 50109, "The request body contains invalid JSON.")


def archived_thread() -> Refusal:
    return Refusal(400, 50083, "Thread is archived")


def voice_with_content() -> Refusal:
    return Refusal(400, 50159, "Voice messages do not support additional content.")


def voice_without_single_audio() -> Refusal:
    return Refusal(400, 50160, "Voice messages must have a single audio attachment.")


def voice_without_metadata() -> Refusal:
    return Refusal(400, 50161, "Voice messages must have supporting metadata.")


def voice_edited() -> Refusal:
    return Refusal(400, 50162, "Voice messages cannot be edited.")


def voice_not_allowed() -> Refusal:
    return Refusal(400, 50173, "You cannot send voice messages in this channel.")


def reply_without_history() -> Refusal:
    return Refusal(400, 160002, "Cannot reply without permission to read message history")


def thread_exists() -> Refusal:
    return Refusal(400, 160004, "A thread has already been created for this message")
