"""A gateway with several routes on a real socket, each before a fake server of its own."""

import asyncio
import json
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from karui.codec.files import save
from karui.gateway.process import Process
from karui.gateway.route_file import RouteFile
from karui.gateway.routes import RouteTable, Start
from karui.gateway.server.app import app_of
from karui.gateway.server.connection import connection_class
from karui.study.api.serve_routes import build
from tests.helpers.gateways import QUESTION, Records, chosen

HEAD = """
[guard]
caller_seconds = 0.0
question_seconds = 0.0
[limits]
silence_seconds = 15.0
drain_seconds = 5.0
"""


def save_choice(folder: Path, plan: str) -> None:
    """Writes a choice as `karui choose` does."""
    folder.mkdir(exist_ok=True)
    made = chosen(plan)
    save(made.choice, folder / "choice.json")
    made.expectation.save(folder / "expectation.json")


def write(file: Path, routes: dict[str, dict[str, object]], **top: object) -> None:
    """Writes a file of routes."""
    top = {"history": str(file.with_name("h.sqlite3")), "port": 0, **top}
    lines = [f"{name} = {json.dumps(value)}" for name, value in top.items()]
    for name, table in routes.items():
        lines += [f"[routes.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    file.write_text("\n".join(lines) + HEAD)


class House:
    """A gateway with routes that is up."""

    def __init__(
        self, table: RouteTable, url: str, loop: asyncio.AbstractEventLoop, records: Records
    ) -> None:
        self.table, self.url, self.records, self._loop = table, url, records, loop
        self.http = httpx.Client(base_url=url, timeout=60)

    def ask(self, model: str, **more: object) -> httpx.Response:
        """Returns a reply."""
        body = {"model": model, "messages": [{"role": "user", "content": QUESTION}], **more}
        return self.http.post("/v1/chat/completions", json=body)

    def reload(self) -> httpx.Response:
        """Has the file read anew."""
        return self.http.post("/api/reload", json={})

    def on_loop(self, work):
        """Returns what a coroutine comes to on the gateway's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


@contextmanager
def opened(file: Path, start: Start = Start.ALONE):
    """Serves the routes of a file, in a thread."""
    read, records, loops = RouteFile.read(file, {}), Records(), []
    table = RouteTable(read, Process.of(read.settings, routed=True), build, [records], start)
    serve = app_of(table)

    async def noting(scope, receive, send):
        loops[:] = [asyncio.get_running_loop()]
        await serve(scope, receive, send)

    config = uvicorn.Config(
        noting, host="127.0.0.1", port=0, log_level="critical", lifespan="on", http=connection_class(10.0)
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.005)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    house = House(table, url, loops[0], records)
    try:
        yield house
    finally:
        house.http.close()
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the gateway did not stop"
