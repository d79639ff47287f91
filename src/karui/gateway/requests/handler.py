"""The request handler: lets requests in, and closes the record of each exactly once, whatever becomes of it.

A client that leaves takes its request with it: whatever works on it is cancelled, down to the server.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Self
from uuid import uuid4

from karui.gateway.backends.backend import RequestContext
from karui.gateway.backends.upstream import UpstreamError
from karui.gateway.dialects.dialect import Dialect
from karui.gateway.dialects.translating_writer import TranslatingWriter
from karui.gateway.keys import KeyRing, Keys, given_key
from karui.gateway.limits import Limits
from karui.gateway.openai_api.chat_request import ApiError, ChatRequest
from karui.gateway.openai_api.replies import dumped
from karui.gateway.openai_api.reply_writer import LANE, ResponseWriter, Send
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.records.events import Keeper, Kept, Sink
from karui.gateway.records.record import RequestRecord
from karui.gateway.requests.admission import AdmissionQueue
from karui.gateway.requests.dispatch import Dispatcher
from karui.gateway.requests.quota import Quota
from karui.gateway.requests.quotas import Quotas
from karui.gateway.requests.shared_quota import SharedQuota

Receive = Callable[[], Awaitable[Any]]
_LARGE = 65_536
"""Bytes of a body that are read at once; more is read on a thread."""
_log = logging.getLogger(__name__)


class UnderWay:
    """Counts what is under way, and tells when there is nothing."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self.count = 0
        self._none = asyncio.Event()
        self._none.set()

    def __enter__(self) -> None:
        """Takes one in."""
        self.count += 1
        self._none.clear()

    def __exit__(self, *_: object) -> None:
        """Takes one out."""
        self.count -= 1
        if not self.count:
            self._none.set()

    async def none(self) -> None:
        """Waits until there is nothing."""
        await self._none.wait()


class _ClientLeft(Exception):
    """The client left before its request was complete."""


@dataclass(frozen=True)
class RequestHandler:
    """Lets requests in.

    Attributes:
        dispatcher: Has them answered.
        admission: Holds a bounded number of them.
        limits: What protects the gateway.
        records: Takes each finished record.
        keys: That clients have to give.
        quotas: What each team may use.
        keeper: Keeps what is said; None keeps nothing.
        chooses: Where several routes have one door: returns the route's handler for a model's name, which
            then answers and keeps the record; raises ApiError where no route has it. None answers itself.
        under_way: How many requests this handler has, until their records are closed.
    """

    dispatcher: Dispatcher
    admission: AdmissionQueue
    limits: Limits
    records: Sink
    keys: KeyRing = field(default_factory=lambda: KeyRing(Keys()), repr=False)
    quotas: Quotas = field(default_factory=Quotas)
    keeper: Keeper | None = None
    chooses: "Callable[[str], RequestHandler] | None" = None
    under_way: UnderWay = field(default_factory=UnderWay)

    async def serve(self, scope: Any, receive: Receive, send: Send, dialect: Dialect) -> None:
        """Answers one HTTP request of an API."""
        loop = asyncio.get_running_loop()
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        heard: asyncio.Future[bytes] = loop.create_future()
        lane = scope.get("extensions", {}).get(LANE)
        writer, body = _writer(send, lane, dialect), _Body(self.admission)
        with _Client(writer, self.limits.reader_seconds) as client:
            listening = loop.create_task(self._listen(headers, receive, heard, body))
            listening.add_done_callback(client.left)
            try:
                await self._serve(headers, heard, writer, dialect)
            finally:
                listening.remove_done_callback(client.left)
                listening.cancel()
                body.let_go()
                if not heard.cancel() and not heard.cancelled():
                    heard.exception()  # a body that nobody came to read

    async def _listen(
        self, headers: Mapping[str, str], receive: Receive, heard: "asyncio.Future[bytes]", body: "_Body"
    ) -> None:
        """Takes the body, and returns when the client has left."""
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                raw = await self._body(headers, receive, body)
            if not heard.done():
                heard.set_result(raw)
        except (ApiError, TimeoutError) as error:
            late = f"The body took longer than {self.limits.body_seconds:g} seconds to arrive."
            wrong = error if isinstance(error, ApiError) else ApiError(408, late)
            if not heard.done():
                heard.set_exception(wrong)
        except _ClientLeft:
            return
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _body(self, headers: Mapping[str, str], receive: Receive, held: "_Body") -> bytes:
        most = self.limits.body_bytes
        wrong = ApiError(413, f"The body must be at most {most} bytes long.", code="body_too_large")
        length = headers.get("content-length", "")
        if length.isdecimal():
            if int(length) > most:
                raise wrong
            held.hold(int(length))  # before the first byte of it is taken
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _ClientLeft
            body += message.get("body", b"")
            if len(body) > most:
                raise wrong
            held.hold(len(body))
            if not message.get("more_body"):
                return bytes(body)

    async def _serve(
        self,
        headers: Mapping[str, str],
        heard: "asyncio.Future[bytes]",
        response: ResponseWriter,
        dialect: Dialect,
    ) -> None:
        record, held = RecordBuilder(uuid4().hex), ExitStack()
        target = self
        if self.chooses is None:
            self.begin(record)
            held.enter_context(self.under_way)
        response.headers["x-karui-request-id"] = record.id
        context: RequestContext | None = None
        quota: Quota | SharedQuota | None = None

        async def work() -> None:
            nonlocal context, quota
            quota = self._quota(headers)
            record.set(team=quota.team.name)
            async with quota.slot():
                response.headers.update(quota.headers())
                await answer()

        async def answer() -> None:
            nonlocal context, target
            raw = await heard
            reading = partial(read_body, dialect, raw)
            request, raw = reading() if len(raw) < _LARGE else await asyncio.to_thread(reading)
            if isinstance(response, TranslatingWriter):
                response.answers(request)
            if self.chooses is not None:
                target = self.chooses(request.model)
                target.begin(record)
                held.enter_context(target.under_way)
            dispatcher = target.dispatcher
            full_tokens = dispatcher.router.deployment.expectation.full_tokens
            await dispatcher.prepare(request)
            seen = partial(dispatcher.context, request, raw, headers, response, record)
            context = seen() if len(raw) < _LARGE else await asyncio.to_thread(seen)
            named = request.model if request.model in dispatcher.router.every_name else "other"
            record.set(model=named, full_tokens=full_tokens)
            async with self.admission.slot():
                await dispatcher.answer(context)

        try:
            await self.guarded(work(), record, response)
        finally:
            with held:
                target._close(record, context, quota)

    def begin(self, record: RecordBuilder) -> None:
        """Notes what serves when a request comes."""
        rollout = self.dispatcher.rollout
        record.set(stage=rollout.stage.value, choice=rollout.choice)
        record.wants_text = self.keeper is not None

    async def guarded(self, work: Awaitable[object], record: RecordBuilder, response: ResponseWriter) -> None:
        """Waits for a request's work, for so long as a request may take; what goes wrong is answered."""
        limit = self.limits.request_seconds
        try:
            async with asyncio.timeout(limit):
                await work
        except ApiError as error:
            await _refuse(record, response, error)
        except UpstreamError as failure:
            record.set(detail=record.record.detail or failure.detail)
            await _refuse(record, response, failure.as_api_error())
        except TimeoutError:
            message = f"The answer took longer than {limit:g} seconds."
            await _refuse(record, response, ApiError(504, message, code="timeout"))
        except asyncio.CancelledError:
            record.set(status=499)
            raise
        except Exception:  # noqa: BLE001 - it is logged, and the request answered
            _log.exception(
                "request %s failed in the gateway itself", record.id, extra={"request_id": record.id}
            )
            message = "The gateway failed; its log has the details under this request id."
            await _refuse(record, response, ApiError(500, message, code="internal"))

    def _quota(self, headers: Mapping[str, str]) -> Quota | SharedQuota:
        """Returns what the client's team may use."""
        team = self.keys.now.team(given_key(headers))
        if team is None:
            raise ApiError(401, "The API key is missing or wrong.", code="invalid_api_key")
        if not is_json(headers.get("content-type", "")):
            raise ApiError(415, "The body must have the content type application/json.", code="media_type")
        return self.quotas.of(team)

    def _close(
        self, record: RecordBuilder, context: RequestContext | None, quota: Quota | SharedQuota | None
    ) -> None:
        served = record.close()
        if quota is not None:
            quota.spend(served.prompt_tokens + served.thinking_tokens + served.answer_tokens)
        self.records.see(served)
        if context is not None:
            self.dispatcher.shadow.answered(context)
            if self.keeper is not None and served.status < 400:
                self.keeper.keep(_kept(context, served))


class _Client:
    """Ends the work on a request whose client has left, or has taken nothing of its reply for too long."""

    def __init__(self, writer: ResponseWriter, most_seconds: float) -> None:
        self._writer, self._most = writer, most_seconds
        self._task: asyncio.Task[Any] | None = None
        self._gone = False

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._look_later()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self._timer.cancel()
        task, self._task = self._task, None
        # As of `asyncio.timeout`: a cancellation from elsewhere goes on.
        ours = self._gone and task is not None and task.uncancel() <= 0
        return ours and kind is not None and issubclass(kind, asyncio.CancelledError)

    def left(self, _: object = None) -> None:
        """Takes that the client has left; a server says so behind every reply, too.

        Once the reply is complete, all that is left to do is its record: that goes on.
        """
        if not self._writer.ended:
            self._end()

    def _end(self) -> None:
        if self._task is not None and not self._gone:
            self._gone = True
            self._task.cancel()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._most, self._look)

    def _look(self) -> None:
        since = self._writer.sending_since
        if since and monotonic() - since >= self._most:
            self._end()
        else:
            self._look_later()


@dataclass
class _Body:
    """What one request's body holds of what all may hold."""

    admission: AdmissionQueue
    size: int = 0

    def hold(self, size: int) -> None:
        """Takes in that it holds so much by now; raises ApiError where that is too much."""
        if size > self.size:
            self.admission.hold(size - self.size)
            self.size = size

    def let_go(self) -> None:
        """Takes in that it is no longer held."""
        self.admission.let_go(self.size)
        self.size = 0


@dataclass(frozen=True)
class CompletionsEndpoint:
    """One path of the API as an ASGI application.

    Attributes:
        handler: Answers its requests.
        dialect: The API that they speak.
    """

    handler: RequestHandler
    dialect: Dialect

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answers one request."""
        await self.handler.serve(scope, receive, send, self.dialect)


def _writer(send: Send, lane: Any, dialect: Dialect) -> ResponseWriter:
    """Returns what writes the reply."""
    return (
        ResponseWriter(send, lane) if dialect.translation is None else TranslatingWriter(send, lane, dialect)
    )


def read_body(dialect: Dialect, raw: bytes) -> tuple[ChatRequest, bytes]:
    """Returns a request, and its body as chat completions have it."""
    request = dialect.read(raw)
    return request, raw if request.native is None else dumped(request.body)


def is_json(content_type: str) -> bool:
    """Returns whether a content type is JSON's: pages of other sites can send any other one unasked."""
    return content_type.partition(";")[0].strip().casefold() == "application/json"


async def _refuse(record: RecordBuilder, response: ResponseWriter, error: ApiError) -> None:
    """Answers with an error, in whatever form the response still allows."""
    # The message may name the client's own words; the record has words of a closed list.
    told = error.code or (f"{error.param} is wrong" if error.param else f"status {error.status}")
    record.set(status=error.status, detail=record.record.detail or told)
    await response.refuse(error)


def _kept(context: RequestContext, served: RequestRecord) -> Kept:
    body = context.request.body
    return Kept(
        id=served.id,
        at=served.at,
        plan=served.plan if served.ran == "plan" else "",
        model=served.model,
        messages=tuple(dict(m) for m in body.get("messages", ())),
        params={k: v for k, v in body.items() if k not in {"messages", "model"}},
        thinking=context.record.thinking,
        answer=context.record.answer,
        cut=context.record.cut,
        thinking_tokens=served.thinking_tokens,
        moves=served.moves,
        body_bytes=len(context.raw),
        unlike_by=served.unlike_by,
    )
