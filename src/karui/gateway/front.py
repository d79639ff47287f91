"""The front: lets requests in, and closes the record of each exactly once, whatever becomes of it.

A client that leaves takes its request with it: whatever works on it is cancelled, down to the server.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from karui.gateway.account import Account
from karui.gateway.call import Call
from karui.gateway.desk import Desk, told
from karui.gateway.limits import Bounds, Room, key_in, same_key
from karui.gateway.served import Served
from karui.gateway.sinks import Keeper, Kept, Sink
from karui.gateway.upstream import Failed
from karui.gateway.wire.line import Line, Send
from karui.gateway.wire.reply import error_object
from karui.gateway.wire.request import Wrong, read_request
from karui.gateway.wire.sse import event

Receive = Callable[[], Awaitable[Any]]
_log = logging.getLogger("karui.gateway")


class _Gone(Exception):
    """The client left before its request was complete."""


@dataclass
class Front:
    """Lets requests in.

    Attributes:
        desk: Answers them.
        bounds: The limits.
        key: That clients have to give; "" asks for none.
        sinks: Who wants each record.
        keeper: Who keeps what is said; None keeps nothing.
    """

    desk: Desk
    bounds: Bounds = field(default_factory=Bounds)
    key: str = field(default="", repr=False)
    sinks: Sequence[Sink] = ()
    keeper: Keeper | None = None

    def __post_init__(self) -> None:
        self.room = Room(self.bounds)

    async def serve(self, scope: Any, receive: Receive, send: Send, *, chat: bool) -> None:
        """Answers one HTTP request."""
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        serving = asyncio.ensure_future(self._serve(headers, heard, Line(send), chat=chat))
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
        except (Wrong, TimeoutError) as error:
            late = f"No whole body within {self.bounds.body_seconds:g} seconds."
            wrong = error if isinstance(error, Wrong) else Wrong(408, late)
            if not heard.done():
                heard.set_exception(wrong)
        except _Gone:
            return
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        most = self.bounds.body_bytes
        wrong = Wrong(413, f"The body is larger than {most} bytes.", code="body_too_large")
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
        self, headers: Mapping[str, str], heard: "asyncio.Future[bytes]", line: Line, *, chat: bool
    ) -> None:
        desk = self.desk
        account = Account(uuid4().hex, "", stage=desk.rolling.stage.value)
        account.wants_text = self.keeper is not None
        line.headers["x-karui-request-id"] = account.id
        call: Call | None = None
        try:
            async with asyncio.timeout(self.bounds.request_seconds):
                self._check_key(headers)
                raw = await heard
                asked = read_request(raw, chat=chat)
                account.note(model=asked.model[:200], full_tokens=desk.expectation.full_tokens)
                call = Call(asked, raw, headers, line, account)
                async with self.room.place():
                    await desk.answer(call)
        except Wrong as wrong:
            await _refuse(account, line, wrong)
        except Failed as failure:
            await _refuse(account, line, told(failure))
        except TimeoutError:
            said = f"No answer within {self.bounds.request_seconds:g} seconds."
            await _refuse(account, line, Wrong(504, said, code="timeout"))
        except asyncio.CancelledError:
            account.note(status=499)
            raise
        except Exception:  # noqa: BLE001 - it is logged, and the request answered
            _log.exception("request %s failed in the gateway itself", account.id)
            said = "The gateway itself failed; its log says more."
            await _refuse(account, line, Wrong(500, said, code="internal"))
        finally:
            self._close(account, call)

    def _check_key(self, headers: Mapping[str, str]) -> None:
        if self.key and not same_key(key_in(headers.get("authorization", "")), self.key):
            raise Wrong(401, "The API key is missing or wrong.", code="invalid_api_key")

    def _close(self, account: Account, call: Call | None) -> None:
        served = account.close()
        self.tell(served)
        if call is not None:
            self.desk.silent.answered(call)
            if self.keeper is not None and served.status < 400:
                self.keeper.keep(_kept(call, served))

    def tell(self, served: Served) -> None:
        """Tells a finished record to whoever wants it."""
        self.desk.rolling.see(served)
        for sink in self.sinks:
            sink.see(served)


async def _refuse(account: Account, line: Line, wrong: Wrong) -> None:
    """Sends an error, in whatever form the reply still allows."""
    account.note(status=wrong.status, detail=account.served.detail or wrong.message)
    if not line.status:
        await line.refuse(wrong)
    elif not line.ended:
        await line.end(event(error_object(wrong)))


def _kept(call: Call, served: Served) -> Kept:
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
