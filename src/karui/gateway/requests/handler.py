"""The front: lets requests in, and closes the record of each exactly once, whatever becomes of it.

A client that leaves takes its request with it: whatever works on it is cancelled, down to the server.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from karui.gateway.backends.upstream import UpstreamError
from karui.gateway.openai_api.chat_request import ApiError, read_request
from karui.gateway.openai_api.replies import error_object
from karui.gateway.openai_api.response_writer import ResponseWriter, Send
from karui.gateway.openai_api.stream_writer import event
from karui.gateway.records.builder import RecordBuilder
from karui.gateway.records.events import Keeper, Kept, Sink
from karui.gateway.records.record import RequestRecord
from karui.gateway.requests.admission import AdmissionQueue, Limits, key_in, same_key
from karui.gateway.requests.context import RequestContext
from karui.gateway.routing.router import Router, told

Receive = Callable[[], Awaitable[Any]]
_log = logging.getLogger("karui.gateway")


class _Gone(Exception):
    """The client left before its request was complete."""


@dataclass
class RequestHandler:
    """Lets requests in.

    Attributes:
        desk: Answers them.
        bounds: The limits.
        key: That clients have to give; "" asks for none.
        sinks: Who wants each record.
        keeper: Who keeps what is said; None keeps nothing.
    """

    desk: Router
    bounds: Limits = field(default_factory=Limits)
    key: str = field(default="", repr=False)
    sinks: Sequence[Sink] = ()
    keeper: Keeper | None = None

    def __post_init__(self) -> None:
        self.room = AdmissionQueue(self.bounds)

    async def serve(self, scope: Any, receive: Receive, send: Send, *, chat: bool) -> None:
        """Answers one HTTP request."""
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        serving = asyncio.ensure_future(self._serve(headers, heard, ResponseWriter(send), chat=chat))
        listening = asyncio.ensure_future(self._listen(headers, receive, heard))
        try:
            await asyncio.wait([serving, listening], return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            if not serving.done():
                serving.cancel()
            await asyncio.gather(serving, listening, return_exceptions=True)
            if not heard.cancel() and not heard.cancelled():
                heard.exception()  # a body that nobody came to read

    async def _listen(
        self, headers: Mapping[str, str], receive: Receive, heard: "asyncio.Future[bytes]"
    ) -> None:
        """Takes the body, and returns when the client has left."""
        try:
            async with asyncio.timeout(self.bounds.body_seconds):
                body = await self._body(headers, receive)
            if not heard.done():
                heard.set_result(body)
        except (ApiError, TimeoutError) as error:
            late = f"No whole body within {self.bounds.body_seconds:g} seconds."
            wrong = error if isinstance(error, ApiError) else ApiError(408, late)
            if not heard.done():
                heard.set_exception(wrong)
        except _Gone:
            return
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        most = self.bounds.body_bytes
        wrong = ApiError(413, f"The body is larger than {most} bytes.", code="body_too_large")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise wrong
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            body += message.get("body", b"")
            if len(body) > most:
                raise wrong
            if not message.get("more_body"):
                return bytes(body)

    async def _serve(
        self, headers: Mapping[str, str], heard: "asyncio.Future[bytes]", line: ResponseWriter, *, chat: bool
    ) -> None:
        desk = self.desk
        account = RecordBuilder(uuid4().hex, "", stage=desk.rolling.stage.value)
        account.wants_text = self.keeper is not None
        line.headers["x-karui-request-id"] = account.id
        call: RequestContext | None = None
        try:
            async with asyncio.timeout(self.bounds.request_seconds):
                self._check_key(headers)
                raw = await heard
                asked = read_request(raw, chat=chat)
                account.note(model=asked.model[:200], full_tokens=desk.expectation.full_tokens)
                call = RequestContext(asked, raw, headers, line, account)
                async with self.room.place():
                    await desk.answer(call)
        except ApiError as wrong:
            await _refuse(account, line, wrong)
        except UpstreamError as failure:
            await _refuse(account, line, told(failure))
        except TimeoutError:
            said = f"No answer within {self.bounds.request_seconds:g} seconds."
            await _refuse(account, line, ApiError(504, said, code="timeout"))
        except asyncio.CancelledError:
            account.note(status=499)
            raise
        except Exception:  # noqa: BLE001 - it is logged, and the request answered
            _log.exception("request %s failed in the gateway itself", account.id)
            said = "The gateway itself failed; its log says more."
            await _refuse(account, line, ApiError(500, said, code="internal"))
        finally:
            self._close(account, call)

    def _check_key(self, headers: Mapping[str, str]) -> None:
        if self.key and not same_key(key_in(headers.get("authorization", "")), self.key):
            raise ApiError(401, "The API key is missing or wrong.", code="invalid_api_key")

    def _close(self, account: RecordBuilder, call: RequestContext | None) -> None:
        served = account.close()
        self.tell(served)
        if call is not None:
            self.desk.silent.answered(call)
            if self.keeper is not None and served.status < 400:
                self.keeper.keep(_kept(call, served))

    def tell(self, served: RequestRecord) -> None:
        """Tells a finished record to whoever wants it."""
        self.desk.rolling.see(served)
        for sink in self.sinks:
            sink.see(served)


async def _refuse(account: RecordBuilder, line: ResponseWriter, wrong: ApiError) -> None:
    """Sends an error, in whatever form the reply still allows."""
    account.note(status=wrong.status, detail=account.served.detail or wrong.message)
    if not line.status:
        await line.refuse(wrong)
    elif not line.ended:
        await line.end(event(error_object(wrong)))


def _kept(call: RequestContext, served: RequestRecord) -> Kept:
    body = call.asked.body
    return Kept(
        id=served.id,
        at=served.at,
        plan=served.plan if served.ran == "plan" else "",
        model=served.model,
        messages=tuple(dict(m) for m in body.get("messages", ())),
        params={k: v for k, v in body.items() if k not in {"messages", "model"}},
        thinking=call.account.thinking,
        answer=call.account.answer,
        cut=call.account.cut,
        thinking_tokens=served.thinking_tokens,
        moves=served.moves,
    )
