"""Answers from a chat model, streamed."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from bot.domain.answer import Prompt, ToolCall, Usage
from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import Frame
from bot.domain.role import Role
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice, NoticeCode
from bot.providers.base import AnswerDelta, AnswerEnd, FinishReason
from bot.providers.image_tokens import Detail
from bot.providers.openai import pictures, tool_calls
from bot.providers.openai.billing import usage_of_tokens
from bot.providers.openai.capabilities import Capabilities, Learner, drop_parameter, guess
from bot.providers.openai.completion import PATH, ChatSettings, chat_body, content_text
from bot.providers.openai.connection import Connection
from bot.providers.openai.errors import RejectionError, malformed
from bot.providers.openai.thinking import ThoughtFilter
from bot.providers.openai.untyped import mapping, sequence, string
from bot.providers.prices import Quantity
from bot.providers.retry import Retry
from bot.providers.streams import Begun, begin, resume
from bot.providers.till import most_tokens

log = logging.getLogger(__name__)

Item = AnswerDelta | ToolCall | AnswerEnd | Notice

_TOKENS_PER_RESULT = 32

_REASONS = {"length": FinishReason.LENGTH, "max_tokens": FinishReason.LENGTH, "content_filter": FinishReason.FILTERED}


class OpenAIChatModel:
    """A ChatModel over streamed chat completions. `resize` makes a frame smaller for servers that find it too
    large; it runs in a thread."""

    def __init__(
        self,
        connection: Connection,
        *,
        model: str,
        detail: Detail = Detail.HIGH,
        settings: ChatSettings | None = None,
        retry: Retry | None = None,
        resize: Callable[[Frame], Frame] = pictures.shrink,
    ) -> None:
        self._connection = connection
        self._endpoint = connection.endpoint
        self._model = model
        self._detail = detail
        self._settings = settings or ChatSettings()
        self._retry = retry or Retry()
        self._resize = resize
        self._learner = Learner(guess(connection.endpoint, model))

    @property
    def capabilities(self) -> Capabilities:
        """What is known of the model so far."""
        return self._learner.current

    async def answer(self, prompt: Prompt) -> AsyncIterator[Item]:
        """The answer as it is written. Frames beyond what the server takes are thinned out evenly, with a Notice."""
        begun = await self._retry.call(lambda: self._begin(prompt))
        async with aclosing(resume(begun)) as items:
            async for item in items:
                yield item

    async def _begin(self, prompt: Prompt, *, shrunk: bool = False) -> Begun[Item]:
        """The stream with its first words, asked for again where the frames were too many or too large."""
        frames = prompt.frames
        if self.capabilities.max_images is not None:
            frames = _thinned(frames, self.capabilities.max_images)
        try:
            return await self._learner.call(
                lambda capabilities: begin(self._stream(prompt, frames, capabilities)), drop_parameter
            )
        except RejectionError as rejection:
            if rejection.max_images is not None and rejection.max_images < len(frames):
                self._learner.learn(max_images=rejection.max_images)
                return await self._begin(prompt, shrunk=shrunk)
            too_large = rejection.about_image or rejection.category is ProviderCategory.TOO_LARGE
            if too_large and frames and not shrunk:
                smaller = tuple([await asyncio.to_thread(self._resize, frame) for frame in prompt.frames])
                return await self._begin(replace(prompt, frames=smaller), shrunk=True)
            ours = tuple(tool for tool in prompt.tools if tool.is_strict)
            if len(ours) < len(prompt.tools) and rejection.category is ProviderCategory.BAD_REQUEST:
                log.warning("the chat server refused a request with tools of plugins: %s", rejection.code)
                return await self._begin(replace(prompt, tools=ours), shrunk=shrunk)
            if prompt.results and rejection.category is ProviderCategory.BAD_REQUEST and self._may_use_tools:
                self._learner.learn(no_tools=True)
                return await self._begin(prompt, shrunk=shrunk)
            raise

    @property
    def _may_use_tools(self) -> bool:
        return self.capabilities.accepts("tools")

    async def _stream(
        self, prompt: Prompt, frames: Sequence[Frame], capabilities: Capabilities
    ) -> AsyncGenerator[Item]:
        if len(frames) < len(prompt.frames):
            yield _dropped(len(prompt.frames) - len(frames), len(prompt.frames))
        thoughts = ThoughtFilter()
        calls = tool_calls.CallReader(prompt.tools if prompt.may_call and capabilities.accepts("tools") else ())
        reason: str | None = None
        usage: object = None
        has_text = False
        body = self._body(prompt, frames, capabilities)
        tokens = pictures.picture_tokens(self._model, frames, self._detail)
        async with (
            self._connection.paying(self._model, self._most(prompt, tokens)) as bill,
            aclosing(self._connection.events(PATH, body)) as events,
        ):
            async for event in events:
                bill.begun()
                usage = event.get("usage") or usage
                for choice in map(mapping, sequence(event.get("choices"))[:1]):
                    reason = string(choice.get("finish_reason")) or reason
                    delta = mapping(choice.get("delta"))
                    calls.feed(delta.get("tool_calls"))
                    text = thoughts.feed(content_text(delta.get("content")))
                    if text.strip() or (text and has_text):
                        has_text = True
                        yield AnswerDelta(text=text)
            used = usage_of_tokens(self._endpoint, self._model, usage, image_tokens=tokens)
            bill.settle(used)
        if rest := thoughts.finish():
            has_text = True
            yield AnswerDelta(text=rest)
        made = calls.finish()
        if calls.has_any and not made and not has_text and prompt.tools and capabilities.accepts("tools"):
            async for item in self._without_tools(prompt, frames, capabilities, used):
                yield item
            return
        self._check_end(reason, has_text=has_text or bool(made))
        for call in made:
            yield call
        ended = FinishReason.TOOLS if made else _REASONS.get(reason or "", FinishReason.COMPLETE)
        yield AnswerEnd(reason=ended, usage=used)

    async def _without_tools(
        self, prompt: Prompt, frames: Sequence[Frame], capabilities: Capabilities, used: Usage
    ) -> AsyncGenerator[Item]:
        """For a model that calls what it may not: asked again, with what was found as evidence."""
        async with aclosing(self._stream(prompt, frames, capabilities.without("tools"))) as items:
            async for item in items:
                yield replace(item, usage=_sum(used, item.usage)) if isinstance(item, AnswerEnd) else item

    def _most(self, prompt: Prompt, picture_tokens: int) -> Quantity:
        """What a request uses at the dearest."""
        results = [text for result in prompt.results for text in (result.call.arguments, result.text, result.said)]
        tools = json.dumps(tool_calls.definitions(prompt.tools)) if prompt.tools else ""
        texts = (prompt.rules, prompt.evidence, prompt.question.text, tools, *results)
        return Quantity(
            input_tokens=picture_tokens + most_tokens(*texts) + _TOKENS_PER_RESULT * len(prompt.results),
            output_tokens=prompt.max_output_tokens,
        )

    def _check_end(self, reason: str | None, *, has_text: bool) -> None:
        """A stream that just ends was cut; one without words is no answer."""
        if reason is None:
            raise malformed(self._endpoint)
        if has_text or reason == "content_filter":
            return
        if reason in _REASONS:
            raise ProviderError(
                "no_room",
                sentence(
                    "{role}: the model used up its limit before the first word. Raise the output limit.",
                    role=self._endpoint.role,
                ),
                category=ProviderCategory.TOO_LARGE,
            )
        raise malformed(self._endpoint)

    def _body(self, prompt: Prompt, frames: Sequence[Frame], capabilities: Capabilities) -> dict[str, object]:
        has_tools = bool(prompt.tools) and capabilities.accepts("tools")
        if not prompt.may_call and not capabilities.accepts("tool_choice"):
            has_tools = False
        found = "" if has_tools else tool_calls.in_words(prompt.results)
        evidence = f"{prompt.evidence}\n\n{found}" if found else prompt.evidence
        content = (
            [
                {"type": "text", "text": evidence},
                *pictures.picture_parts(frames, self._detail, capabilities),
                {"type": "text", "text": prompt.question.text},
            ]
            if frames
            else f"{evidence}\n\n{prompt.question.text}"
        )
        body = chat_body(
            model=self._model,
            rules=prompt.rules,
            content=content,
            max_tokens=prompt.max_output_tokens,
            settings=self._settings,
            capabilities=capabilities,
            since=tool_calls.messages(prompt.results) if has_tools else (),
        )
        if has_tools:
            body["tools"] = tool_calls.definitions(prompt.tools)
            if not prompt.may_call:
                body["tool_choice"] = "none"
        if capabilities.accepts("stream_options"):
            body["stream_options"] = {"include_usage": True}
        return body


def _sum(one: Usage, other: Usage) -> Usage:
    """Of two requests to the same model."""
    cost = None if one.cost_usd is None or other.cost_usd is None else one.cost_usd + other.cost_usd
    return replace(
        other,
        requests=one.requests + other.requests,
        input_tokens=one.input_tokens + other.input_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        image_tokens=one.image_tokens + other.image_tokens,
        cost_usd=cost,
    )


def _thinned(frames: tuple[Frame, ...], limit: int) -> tuple[Frame, ...]:
    """At most `limit` frames, evenly spread, the first and the last among them."""
    if len(frames) <= limit:
        return frames
    if limit <= 1:
        return frames[len(frames) // 2 :][:limit]
    step = (len(frames) - 1) / (limit - 1)
    return tuple(frames[round(position * step)] for position in range(limit))


def _dropped(missing: int, total: int) -> Notice:
    return Notice(
        code=NoticeCode.FRAMES_DROPPED,
        role=Role.CHAT,
        public=sentence(
            "The model looked at {seen} of {total} frames; its server takes no more at once.",
            seen=total - missing,
            total=total,
        ),
    )
