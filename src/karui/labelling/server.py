"""The server behind the labelling page: for this machine alone, and closed to other sites' pages."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from karui.core.errors import InputError, KaruiError
from karui.gateway.keys import KeyRing, Keys
from karui.gateway.openai_api.chat_request import ApiError
from karui.gateway.server.auth import Access
from karui.gateway.server.door import Door, Plain, refused
from karui.gateway.server.pages import HEADERS, html_page, json_body, language_of
from karui.labelling.page import page
from karui.labelling.reply import rendered
from karui.recording.judging.labels import SHEET, Labels, Sheet, Task
from karui.tasks.verifiers.judge import Mode

_PAIR = {1: 1.0, 2: 0.0, 3: -1.0}
"""What the keys say of a pair whose left answer is full thinking's: what the plan loses."""
_ONE = {1: 1.0, 2: 0.5, 3: 0.0}
"""What they say of one answer."""


class Desk:
    """What is to be labelled, and what has been said.

    Attributes:
        sheet: What is to be labelled, in order.
        labels: What has been said.
    """

    def __init__(self, folder: Path) -> None:
        """Reads both.

        Raises:
            InputError: Nothing in this folder is to be labelled.
            RecordingError: A file is damaged.
        """
        sheet = Sheet.read(folder)
        if sheet is None:
            raise InputError(
                f"Nothing in {folder} is to be labelled: {SHEET} is missing.",
                why="karui choose and karui poc write it where the questions' verifier is a judge.",
                remedy="Run one of them first; then give the study's folder, or its recording.",
            )
        self.sheet, self.labels = sheet, Labels.open(folder)
        self._tasks = sheet.tasks

    @property
    def done(self) -> int:
        """How many are labelled."""
        return sum(task.id in self.labels.values for task in self._tasks)

    def shown(self, at: int | None = None) -> dict[str, Any]:
        """Returns what the page shows: the task at a place, or the first one without a label."""
        first = next(
            (n for n, t in enumerate(self._tasks) if t.id not in self.labels.values), len(self._tasks)
        )
        place = first if at is None else min(max(at, 0), first)
        told: dict[str, Any] = {"at": place, "done": self.done, "total": len(self._tasks)}
        if place >= len(self._tasks):
            return {**told, "task": None, "said": None}
        task = self._tasks[place]
        sides = (
            (task.second, task.first)
            if task.turned and task.second is not None
            else (task.first, task.second)
        )
        seen = {"id": task.id, "question": task.question, "criteria": task.criteria}
        left, right = (None if said is None else {"text": said, "markup": rendered(said)} for said in sides)
        return {**told, "task": {**seen, "left": left, "right": right}, "said": self._said(task)}

    def label(self, name: str, key: int) -> None:
        """Notes which key was pressed.

        Raises:
            ApiError: There is no such task, or no such key.
            StorageError: It cannot be written.
        """
        task = next((t for t in self._tasks if t.id == name), None)
        if task is None or key not in _PAIR:
            raise ApiError(400, "There is no such task, or no such label.")
        self.labels.note(task.id, _values(task)[key])

    def _said(self, task: Task) -> int | None:
        value = self.labels.values.get(task.id)
        return next((key for key, worth in _values(task).items() if worth == value), None)


def _values(task: Task) -> dict[int, float]:
    """Returns what each key says of a task."""
    if task.second is None:
        return _ONE
    return {key: -value for key, value in _PAIR.items()} if task.turned else _PAIR


class _Routes:
    def __init__(self, desk: Desk, access: Access) -> None:
        self._desk, self._access = desk, access

    async def page(self, request: Request) -> Response:
        """Shows the page."""
        if (wrong := self._access.operator(request)) is not None:
            return refused(wrong)
        return html_page(page(language_of(request), str(Mode(self._desk.sheet.mode))))

    async def task(self, request: Request) -> Response:
        """Gives what is to be labelled next, or what is at a place."""
        if (wrong := self._access.operator(request)) is not None:
            return refused(wrong)
        at = request.query_params.get("at", "")
        return Plain(
            self._desk.shown(int(at) if at.isascii() and at.isdecimal() and len(at) < 9 else None),
            headers=HEADERS,
        )

    async def label(self, request: Request) -> Response:
        """Notes a label, and gives what comes next."""
        if (wrong := self._access.operator(request)) is not None:
            return refused(wrong)
        try:
            told = await json_body(request)
            name, key, at = told.get("id"), told.get("value"), told.get("at")
            if not isinstance(name, str) or not isinstance(key, int) or not isinstance(at, int):
                raise ApiError(400, "A label needs id, at and value.")
            await asyncio.to_thread(self._desk.label, name, key)
        except ApiError as error:
            return refused(error)
        except KaruiError as error:
            return refused(ApiError(500, str(error)))
        return Plain(self._desk.shown(at + 1), headers=HEADERS)


def app(desk: Desk) -> Door:
    """Returns the ASGI application: this machine alone is let in, and no other site's page."""
    access = Access(KeyRing(Keys()))
    routes = _Routes(desk, access)
    inside = Starlette(
        routes=[
            Route("/", routes.page),
            Route("/api/task", routes.task),
            Route("/api/label", routes.label, methods=["POST"]),
        ]
    )
    return Door(inside, access)


def run(desk: Desk, taken: socket.socket, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        desk: What is to be labelled.
        taken: Where to listen.
        on_ready: Called once requests are taken.
    """

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_ready()

    config = uvicorn.Config(
        app(desk), log_level="warning", access_log=False, server_header=False, lifespan="off", ws="none"
    )
    Server(config).run(sockets=[taken])
