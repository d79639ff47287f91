"""Serving several routes from one file: one process, or several."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from karui.core.errors import InputError
from karui.gateway.arms.contest import Contest
from karui.gateway.assemble import Gateway, assemble
from karui.gateway.process import Process
from karui.gateway.rollout_builders import begin_shared
from karui.gateway.route_file import RouteFile, RouteSettings
from karui.gateway.routes import RouteTable, Start, contest_of
from karui.gateway.server.server import check, connect, ensure_guarded, listen
from karui.gateway.server.workers import is_again, is_worker
from karui.study.api.serve import Supervised, sharing
from karui.study.local_engines import origin_of


@dataclass(frozen=True)
class OpenedRoutes:
    """Routes that listen and do not answer yet.

    Attributes:
        table: What will answer.
        listening: Where it listens.
    """

    table: RouteTable
    listening: socket.socket

    @property
    def url(self) -> str:
        """Its address; /v1 behind it is OpenAI's API."""
        return f"http://{self.table.file.settings.host}:{self.listening.getsockname()[1]}"


@contextmanager
def opened_routes(file: RouteFile) -> Iterator[OpenedRoutes]:
    """Listens, connects to every route's servers, and checks that they fit their choices.

    Raises:
        KaruiError: A route cannot be served: its name is in front of the reason.
    """
    ensure_guarded(file.settings)
    listening = listen(file.settings.host, file.settings.port)
    try:
        process = Process.of(file.settings, routed=True)
        start = Start.ALONE
        if is_worker():
            start = Start.WORKER_AGAIN if is_again() else Start.WORKER
        yield OpenedRoutes(RouteTable(file, process, build, start=start), listening)
    finally:
        listening.close()


def build(route: RouteSettings, contest: Contest, process: Process, *, begins: bool | None) -> Gateway:
    """Returns the gateway of a route, its servers connected and checked.

    Args:
        route: What the file says of it.
        contest: Its choices, checked.
        process: What the routes share.
        begins: Where several processes share a history: whether a gateway starts, or else its file was read
            anew; None where another process has written where all begin.

    Raises:
        KaruiError: A server does not answer, or does not serve what was chosen for.
    """
    first, *rivals = contest.plans.values()
    engines = connect(route.settings, first, process.servers)
    for chosen in (first, *rivals):
        check(route.settings, chosen, engines, origin_of(chosen, ""))
    if route.settings.shared and begins is not None:
        begin_shared(route.settings, contest, started=begins)
    return assemble(route.settings, first, engines, process=process, rivals=rivals)


@contextmanager
def supervised_routes(file: RouteFile) -> Iterator[Supervised]:
    """Listens for several processes, and writes where all routes begin.

    Raises:
        InputError: The address is taken, a route cannot be used, or the processes could share no history.
    """
    settings = file.settings
    ensure_guarded(settings)
    for name, why in (file.faults or {}).items():
        raise InputError(f"The route {name} cannot be served.", why=why)

    def begin() -> None:
        for route in file.routes:
            begin_shared(route.settings, contest_of(route))

    with sharing(settings, begin) as made:
        yield made
