"""`karui judge` and `karui choose` with a judge behind a real server, and a model in this process as one."""

import asyncio
import json
import socket
import time
from threading import Thread

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from typer.testing import CliRunner

from karui import catalog
from karui.cli.main import app
from karui.core.errors import EngineError, InputError
from karui.core.prompt import Prompt
from karui.recording.judging.model import LocalJudge, ServerJudge, judge_model
from karui.recording.store import save
from karui.tasks.judge_prompt import pair
from tests.helpers.judges import MadeUpJudge, written


class JudgeServer:
    """OpenAI's API in front of a made-up judge."""

    def __init__(self, form=None) -> None:
        self.judge, self.bodies, self.keys = MadeUpJudge(), [], set()
        self._form = form
        taken = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        routes = [Route("/v1/chat/completions", self.chat, methods=["POST"])]
        self._server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error"))
        self._thread = Thread(target=lambda: self._server.run(sockets=[taken]), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    async def chat(self, request):
        """Judges."""
        body = await request.json()
        self.bodies.append(body)
        self.keys.add(request.headers.get("authorization", ""))
        if self._form is not None:
            return JSONResponse(self._form)
        said = await self.judge.ask(
            body["messages"][0]["content"], seed=body["seed"], temperature=body["temperature"]
        )
        usage = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.generated_tokens}
        return JSONResponse({"choices": [{"message": {"content": said.text}}], "usage": usage})

    def close(self) -> None:
        """Stops it."""
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def server():
    """A judge behind a server."""
    made = JudgeServer()
    yield made
    made.close()


def test_a_study_is_judged_over_http_and_billed(server, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("KARUI_JUDGE_KEY", "sk-judge")
    draft = tuple(catalog.parse("chain-of-draft").spec)
    save(written(40), tmp_path / "full")
    save(written(40, style=draft, shorter=0.3), tmp_path / "draft")
    folders = [str(tmp_path / name) for name in ("full", "draft")]
    run = CliRunner().invoke(app, ["judge", *folders, "--judge", f"{server.url}#made-up", "--json"])
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert told["requests"] == len(server.bodies)
    assert told["prompt_tokens"] > 0
    assert told["flips"] == 0
    assert server.keys == {"Bearer sk-judge"}
    assert "sk-judge" not in (tmp_path / "full" / "judge.json").read_text()
    monkeypatch.setenv("KARUI_JUDGE", f"{server.url}#made-up")
    choose = ["choose", folders[0], "--variant", folders[1], "--max-drop", "20", "--out", str(tmp_path / "o")]
    chosen = CliRunner().invoke(app, choose)
    assert chosen.exit_code == 0, chosen.output
    assert "Label answers by hand" in chosen.output
    assert "s this judge sees it" in chosen.output
    assert "karui label" in chosen.output


@pytest.mark.parametrize("form", [{}, {"choices": []}, {"choices": [{"message": 7}]}, []])
def test_a_server_that_answers_strangely_is_an_error(form) -> None:
    made = JudgeServer(form)
    judge = ServerJudge(f"{made.url}#x")
    with pytest.raises(EngineError):
        asyncio.run(judge.ask("Hello", seed=0, temperature=0.0))
    made.close()


def test_a_reply_without_text_is_empty() -> None:
    made = JudgeServer({"choices": [{"message": {"content": None}}]})
    judge = ServerJudge(f"{made.url}#x")
    assert asyncio.run(judge.ask("Hello", seed=0, temperature=0.0)).text == ""
    made.close()


def test_a_judge_has_to_be_named(monkeypatch) -> None:
    monkeypatch.delenv("KARUI_JUDGE", raising=False)
    with pytest.raises(InputError, match="--judge"):
        judge_model()
    with pytest.raises(InputError, match="#NAME"):
        judge_model("http://127.0.0.1:1/v1")


def test_a_model_in_this_process_can_be_asked() -> None:
    sheet = pair(Prompt("What is 2 and 3?"), "5", "6")

    async def ask():
        judge = LocalJudge("karui-mini")
        try:
            return await judge.ask(sheet.text, seed=0, temperature=0.0)
        finally:
            await judge.close()

    reply = asyncio.run(ask())
    assert reply.prompt_tokens > 100
    assert reply.generated_tokens > 0
    assert sheet.verdict(reply.text) == ""  # it knows sums, and nothing of judging
