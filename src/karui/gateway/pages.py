"""What people look at: the monitor, and a short answer beside its full thinking."""

import asyncio
from time import time

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from karui.core.errors import KaruiError
from karui.core.plan import Plan
from karui.gateway.doors import for_operator, for_reader, refused
from karui.gateway.explain import Explainer, Thought
from karui.gateway.fit import fit
from karui.gateway.gateway import Gateway
from karui.gateway.inside import failed
from karui.gateway.monitor import explained
from karui.gateway.monitor.page import NAMES, figures, page
from karui.gateway.planned import Ran
from karui.gateway.sinks import Kept
from karui.gateway.upstream import Failed
from karui.gateway.wire.reply import dumped
from karui.gateway.wire.request import Wrong, read_request

_WINDOW_SECONDS = 3600.0
"""What the monitor sums up."""


class Pages:
    """The monitor and explanations of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        """Takes the gateway."""
        self._gateway = gateway
        self._explainer = Explainer(gateway.keep, self._think, gateway.front.desk.runner.verifier.read)

    async def monitor(self, request: Request) -> Response:
        """Shows the monitor."""
        history = self._gateway.history
        totals = history.totals(time() - _WINDOW_SECONDS)
        return HTMLResponse(page(self._gateway.now(), totals, history.events(), _language(request)))

    async def state(self, request: Request) -> Response:
        """Says what the monitor shows; with a language, the page's parts too."""
        history, told = self._gateway.history, request.query_params.get("lang")
        lang = told if told in NAMES else None
        totals = history.totals(time() - _WINDOW_SECONDS)
        return JSONResponse(figures(self._gateway.now(), totals, history.events(), lang))

    async def explanation(self, request: Request) -> Response:
        """Shows a kept answer; its script asks for the full thinking."""
        if (wrong := for_reader(self._gateway, request)) is not None:
            return refused(wrong)
        name = request.path_params["id"]
        kept = await asyncio.to_thread(self._gateway.keep.get, name)
        return HTMLResponse(explained.page(name, kept, _language(request)), status_code=200 if kept else 404)

    async def explain(self, request: Request) -> Response:
        """Thinks a kept question through in full."""
        if (wrong := for_reader(self._gateway, request)) is not None:
            return refused(wrong)
        name = request.path_params["id"]
        try:
            found = await self._explainer.explain(name)
        except Wrong as error:
            return refused(error)
        except Failed as error:
            return refused(Wrong(502, error.detail))
        except KaruiError as error:
            return refused(Wrong(502, str(error)))
        if found is None:
            return refused(Wrong(404, f"Nothing is kept under {name[:64]}."))
        return JSONResponse(explained.shown(found, _language(request)))

    async def command(self, request: Request) -> Response:
        """Does what the operator wants: advance, a stage to go back to, trip, or reset."""
        if (wrong := for_operator(self._gateway, request)) is not None:
            return refused(wrong)
        rolling = self._gateway.rolling
        try:
            told = await request.json()
            what, who, why = (str(told.get(k, "")) for k in ("what", "who", "why"))
            rolling.command(what, who, why, time())
        except KaruiError as error:
            return refused(Wrong(409, str(error)))
        except (ValueError, AttributeError):
            return refused(Wrong(400, 'The body has to be {"what": …, "who": …, "why": …}.'))
        return JSONResponse({"stage": rolling.stage, "guard": rolling.guard.phase})

    async def _think(self, kept: Kept) -> Thought:
        desk = self._gateway.front.desk
        body = {**kept.params, "model": "karui/full", "messages": list(kept.messages), "stream": False}
        body.pop("stream_options", None)
        asked = read_request(dumped(body), chat=True)
        dialogue = fit(asked, desk.expectation.terms.sampling, desk.effort, any_sampling=True)
        if isinstance(dialogue, str):
            raise Wrong(409, f"What was asked cannot be thought through again: {dialogue}.")
        async for piece in desk.runner.run(Plan(), kept.id, dialogue):
            if isinstance(piece, Ran):
                if piece.failure is not None:
                    raise failed(piece)
                return Thought(piece.thinking, piece.answer, piece.usage.thinking)
        raise AssertionError("a run ends with what it came to")


def _language(request: Request) -> str:
    """Returns the language asked for, else the first that the browser wants and the page has."""
    told = request.query_params.get("lang", "")
    wanted = [w.strip()[:2] for w in request.headers.get("accept-language", "").split(",")]
    return next((lang for lang in (told, *wanted) if lang in NAMES), "en")
