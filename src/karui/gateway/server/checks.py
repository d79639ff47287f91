"""What a start of the gateway needs, tried one by one without serving: `karui serve --check`."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from time import time

from karui.core.errors import InputError, KaruiError
from karui.engines.openai.engine import KEY, HttpEngine, split_address
from karui.engines.openai.protocol.http_connection import Broken
from karui.engines.openai.protocol.http_pool import Pool
from karui.gateway.assemble import canaries_of
from karui.gateway.database.opening import open_database
from karui.gateway.deployment import Deployment
from karui.gateway.keys import Keys
from karui.gateway.records.redact import Redactor
from karui.gateway.records.stage import Stage
from karui.gateway.routing.fallback_policy import FallbackPolicy
from karui.gateway.server.server import check, connect, ensure_guarded, listen
from karui.gateway.settings import FALLBACK_KEY, Settings
from karui.models import place
from karui.models.folder import find_folder

_APART_SECONDS = 30.0
"""How far a server's clock may be from this one's: kept hours, canaries and sessions go by the clock."""
_FREE_BYTES = 200 * 2**20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Attributes:
        name: What.
        well: Whether it can be used.
        told: What was found, for people.
    """

    name: str
    well: bool
    told: str


def checks(choice: Path, settings: Settings, model: str = "") -> Iterator[Check]:
    """Yields what was tried, each as soon as it is known; one that fails does not hide the next.

    Args:
        choice: `choice.json`, or its folder.
        settings: What the operator decided.
        model: Folder or name of the model where it runs in this process; "" is the choice's.
    """
    deployment: Deployment | None = None

    def chosen() -> str:
        nonlocal deployment
        deployment = Deployment.load(choice)
        return f"{deployment.expectation.label}, {deployment.choice.verdict}"

    yield _tried("choice", chosen)
    yield _tried("settings", lambda: _decided(settings))
    yield _tried("keys", lambda: _keys(settings))
    yield _tried("address", lambda: _address(settings))
    if deployment is not None and settings.upstream:
        yield _tried("upstream and abilities", lambda: _abilities(settings, deployment))
    if deployment is not None and not settings.upstream:
        yield _tried("model", lambda: _model(deployment, model))
    if settings.canaries:
        yield _tried("canaries", lambda: _canaries(settings))
    for name, address, variable in (
        ("upstream's clock", settings.upstream, KEY),
        ("fallback", "" if settings.fallback == "full" else settings.fallback, FALLBACK_KEY),
    ):
        if address:
            yield _tried(name, partial(_server, address, variable, settings))
    kept = settings.keep if settings.keep_hours else ""
    if settings.state:
        yield _tried("state", lambda: _state(settings))
    history = "" if settings.state else settings.history
    for name, file in (("history", history), ("conversations", kept)):
        if file:
            yield _tried(name, partial(_disk, Path(file)))


def _tried(name: str, work: Callable[[], str]) -> Check:
    try:
        return Check(name, well=True, told=work())
    except KaruiError as error:
        told = (error.what, error.why, error.remedy)
        return Check(name, well=False, told=" ".join(_sentence(part) for part in told if part))


def _sentence(text: str) -> str:
    """Returns a part of an error that does not run into the next one: servers' words often have no end."""
    return text if text.endswith((".", "!", "?", "。", "`")) else f"{text}."


def _keys(settings: Settings) -> str:
    keys = Keys.read(file=settings.keys)
    ensure_guarded(settings)
    told = {"clients": keys.client, "operator": keys.operator, "metrics": keys.metrics}
    found = [name for name, key in told.items() if key]
    teams, operators = ({*names} for names in keys.named.names)
    found += [f"{len(teams)} teams"] if teams else []
    found += [f"{len(operators)} operators by name"] if operators else []
    return "set: " + (", ".join(found) or "none; this machine is trusted")


def _address(settings: Settings) -> str:
    listen(settings.host, settings.port).close()
    return f"{settings.host}:{settings.port} is free"


def _decided(settings: Settings) -> str:
    """Returns the stage that is begun with; what is decided beside it is read as a start reads it."""
    stage = Stage.of(settings.stage) if settings.stage else None
    FallbackPolicy.of(settings.table, server=settings.fallback != "full")
    Redactor(settings.redact)
    return (
        f"stage {stage.value}" if stage else "the stage goes on where the history says, at first with shadow"
    )


def _model(deployment: Deployment, model: str) -> str:
    folder = find_folder(place(model or deployment.choice.model.name))
    return f"{folder} is there; whether it is the chosen one is seen when it is loaded"


def _canaries(settings: Settings) -> str:
    found = canaries_of(settings)
    assert found is not None
    return f"{len(found.questions)} questions, {found.per_hour:g} an hour"


def _abilities(settings: Settings, deployment: Deployment) -> str:
    engines = connect(settings, deployment)
    check(settings, deployment, engines)
    said = "serves the chosen model, and can run the plan"
    main = engines["main"]
    own = main.can.model if isinstance(main, HttpEngine) else ""
    if own and own in {deployment.route, *settings.names}:
        said += f"; its own name {own} is the plan here, and full thinking is asked for by another"
    return said


def _server(address: str, variable: str, settings: Settings) -> str:
    """Returns what a server's list of models tells: that it answers, takes the key, and what time it has."""
    url = split_address(address)[0].rstrip("/")
    key = os.environ.get(variable, "").strip()
    headers = {"authorization": f"Bearer {key}"} if key else {}
    pool = Pool(url, headers, settings.limits.connect_seconds, settings.limits.silence_seconds)

    async def asked() -> tuple[int, str]:
        async with pool.request("GET", "models") as reply:
            await reply.read()
            return reply.status, reply.headers.get("date", "")

    try:
        status, date = asyncio.run(asked())
    except (Broken, TimeoutError) as error:
        raise InputError(f"{url} does not answer.", why=str(error)) from error
    if status in {401, 403}:
        raise InputError(f"{url} does not accept the key.", remedy=f"Set {variable}.")
    return f"{url} answers with {status}; {_apart(date)}"


def _apart(date: str) -> str:
    try:
        apart = abs(parsedate_to_datetime(date).timestamp() - time())
    except (TypeError, ValueError):
        return "it does not tell the time"
    if apart > _APART_SECONDS:
        raise InputError(
            f"The clocks are {apart:.0f} seconds apart.", remedy="Set this machine's or the server's clock."
        )
    return "the clocks agree"


def _state(settings: Settings) -> str:
    database = open_database(settings.state, settings.history)
    assert database is not None
    try:
        with database.session() as connection:
            apart = abs(database.now(connection) - time())
    except database.errors as error:
        raise InputError(f"{database.name} cannot be used.", why=str(error)) from error
    if apart > _APART_SECONDS:
        raise InputError(
            f"The clocks are {apart:.0f} seconds apart.", remedy="Set this machine's or the database's clock."
        )
    return f"{database.name} answers; the clocks agree"


def _disk(file: Path) -> str:
    folder = file.absolute().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as tried:
            tried.write(b"karui")
        if file.exists() and not os.access(file, os.W_OK):
            raise PermissionError(f"{file} is read-only")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise InputError(f"{folder} cannot be written.", why=str(error)) from error
    if free < _FREE_BYTES:
        raise InputError(f"Only {free / 2**20:.0f} MB are free in {folder}.", remedy="Make room.")
    return f"{folder} can be written, {free / 2**30:.1f} GB are free"
