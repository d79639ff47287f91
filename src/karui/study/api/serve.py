"""`karui.serve`: the choice behind OpenAI's API, guarded, with a fallback."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from karui.codec.files import save
from karui.core.errors import InputError
from karui.gateway.arms.contest import Contest
from karui.gateway.assemble import Gateway, assemble
from karui.gateway.backends.known_servers import KnownServers
from karui.gateway.deployment import Deployment
from karui.gateway.rollout_builders import begin_shared
from karui.gateway.server.server import check, connect, ensure_guarded, listen
from karui.gateway.server.server import serve as serve_gateway
from karui.gateway.server.sessions import share_sessions
from karui.gateway.server.workers import Workers, is_worker
from karui.gateway.settings import Settings
from karui.serving_profile import FILE as PROFILE
from karui.study.local_engines import inside, origin_of
from karui.study.loop import awaitable, blocking
from karui.study.result import Study


@dataclass(frozen=True)
class Opened:
    """A gateway that listens and does not answer yet.

    Attributes:
        gateway: What will answer.
        deployment: What it serves.
        listening: Where it listens.
        settings: What the operator decided.
    """

    gateway: Gateway
    deployment: Deployment
    listening: socket.socket
    settings: Settings

    @property
    def url(self) -> str:
        """Its address; /v1 behind it is OpenAI's API."""
        return f"http://{self.settings.host}:{self.listening.getsockname()[1]}"


@contextmanager
def opened(
    study: Study | Path | str,
    settings: Settings,
    *,
    model: str = "",
    concurrency: int = 32,
    rivals: Sequence[Study | Path | str] = (),
) -> Iterator[Opened]:
    """Listens, loads or connects the engines, and checks that they fit the choice.

    Args:
        study: A study, its folder, or the choice.json in it.
        settings: What the operator decided.
        model: Model folder to run in this process; "" is the choice's.
        concurrency: Number of concurrent requests in this process.
        rivals: Further studies whose plans share the traffic: then this is an experiment.

    Raises:
        KaruiError: As `karui.serve`.
    """
    deployment, *others = map(_deployment, (study, *rivals))
    ensure_guarded(settings)
    listening = listen(settings.host, settings.port)
    try:
        if settings.upstream:
            engines = connect(settings, deployment, KnownServers.inherited())
        else:
            engines = inside(deployment, model, settings.beside, concurrency)
        for chosen in (deployment, *others):
            check(settings, chosen, engines, origin_of(chosen, model))
        if settings.shared and not is_worker():
            begin_shared(settings, Contest.of([deployment, *others]))
        gateway = assemble(settings, deployment, engines, rivals=others)
        yield Opened(gateway, deployment, listening, settings)
    finally:
        listening.close()


@dataclass(frozen=True)
class Supervised:
    """Workers that can be started.

    Attributes:
        workers: The processes.
        url: The address that they answer at; /v1 behind it is OpenAI's API.
    """

    workers: Workers
    url: str


@contextmanager
def supervised(study: Path, settings: Settings, rivals: Sequence[Path] = ()) -> Iterator[Supervised]:
    """Listens for several processes, and writes where all of them begin.

    Raises:
        InputError: The address is taken, or the processes could not share a history or a model.
    """
    contest = Contest.of([*map(_deployment, (study, *rivals))])
    ensure_guarded(settings)
    if not settings.upstream:
        raise InputError(
            "Several processes would each load the model.",
            remedy="Serve the model with a server and name it with --upstream, or leave --workers out.",
        )
    with sharing(settings, lambda: begin_shared(settings, contest)) as made:
        yield made


@contextmanager
def sharing(settings: Settings, begin: Callable[[], None]) -> Iterator[Supervised]:
    """Listens for several processes.

    Args:
        settings: Of the process.
        begin: Writes where all of them begin, once the address is taken.
    """
    listening = listen(settings.host, settings.port)
    try:
        begin()
        share_sessions()
        url = f"http://{settings.host}:{listening.getsockname()[1]}"
        drain = settings.limits.drain_seconds
        yield Supervised(Workers(listening, settings.workers, drain_seconds=drain), url)
    finally:
        listening.close()


async def _serve(
    study: Study | Path | str,
    *rivals: Study | Path | str,
    config: Path | str | None = None,
    model: str = "",
    concurrency: int = 32,
    on_ready: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> None:
    """Serves the chosen plan until it is interrupted; requests under way may finish.

    Args:
        study: A study that chose a plan, its folder, or the choice.json in it.
        *rivals: Further ones of the same model, whose plans share the traffic: an experiment.
        config: A TOML file of settings; keywords win.
        model: Model folder to run in this process; "" is the study's.
        concurrency: Number of concurrent requests in this process.
        on_ready: Called with the address once requests are taken.
        **settings: As in the file (see docs/serve.md): `upstream="http://127.0.0.1:8000/v1#my-model"`,
            `stage="5"`, `port=8321`, ….

    Raises:
        UnknownName: There is no such setting; names the nearest.
        InputError: The study chose full thinking or was withdrawn, or the address is taken.
        ModelError: The model is not the one that the choice was made for.
        PlanError: The engine lacks an ability that the plan needs.
    """
    read = Settings.read(Path(config) if config is not None else None, settings)
    with opened(study, read, model=model, concurrency=concurrency, rivals=rivals) as found:
        await serve_gateway(found.gateway, found.listening, lambda: on_ready(found.url))


def _deployment(study: Study | Path | str) -> Deployment:
    if not isinstance(study, Study):
        return Deployment.load(Path(study))
    if study.path is not None:
        return Deployment.load(study.path)
    with TemporaryDirectory() as folder:
        choice = Path(folder) / "choice.json"
        save(study.choice, choice)
        if study.profile is not None:
            study.profile.save(choice.with_name(PROFILE))
        return Deployment.load(choice)


serve = blocking(_serve)
serve_async = awaitable(_serve)
