"""What a server says of itself: kept with a recording, which goes on only on the same server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from karui.core.errors import RecordingMismatch
from karui.core.prompt import Sampling
from karui.core.question import Question, Task
from karui.engines.openai import HttpEngine
from karui.engines.openai.probe.facts import facts_of
from karui.engines.options import Logprobs, RetryPolicy
from karui.recording import store
from karui.recording.record import record
from karui.tasks.verifiers.numeric import Numeric
from tests.helpers.fake_server import serving

TASK = Task("sums", (Question("a", "Add 7 and 1.", "8", Numeric()),))
HASTY = RetryPolicy(connect_seconds=2, silence_seconds=2, tries=2, backoff_seconds=0.01)


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"version": "0.11.0"}, {"version": "0.11.0"}),  # vLLM
        (
            {
                "build_info": "b6000-abc",
                "default_generation_settings": {"n_ctx": 8192},
                "model_path": r"C:\models\m-Q4_K_M.gguf",
            },
            {"version": "b6000-abc", "context": "8192", "file": "m-Q4_K_M.gguf"},
        ),  # llama.cpp
        (
            {"version": "0.5.0", "context_length": 4096, "quantization": "fp8", "dtype": None},
            {"version": "0.5.0", "context": "4096", "quantization": "fp8"},
        ),  # SGLang
        ({"error": "no such endpoint", "default_generation_settings": None}, {}),
    ],
)
def test_what_a_servers_own_description_tells(shown: dict[str, Any], told: dict[str, str]) -> None:
    assert facts_of(shown) == told


def test_a_template_is_told_by_its_digest() -> None:
    one, same, other = (facts_of({"chat_template": text})["template"] for text in ("a", "a", "b"))
    assert one == same != other


def recorded(folder: Path, samples: int, level: Logprobs = Logprobs.ANSWERS, **behaviour: Any) -> int:
    """Records through a server that was just started; returns how many traces there are."""
    with serving(**behaviour) as fake, asyncio.Runner() as runner:
        engine = HttpEngine.load(fake.url, name="toy", retry=HASTY, budget_chats=1, logprobs=level)
        made = runner.run(
            record(engine, TASK, folder, samples=samples, sampling=Sampling(0.0, max_tokens=300))
        )
        runner.run(engine.close())
    return sum(1 for _ in made.traces())


def test_a_recording_goes_on_on_the_same_server_alone(tmp_path: Path) -> None:
    folder, same = tmp_path / "r", {"context": 4096, "version": "1.0"}
    assert recorded(folder, 1, **same) == 1
    said = store.read_manifest(folder).server
    assert (said["context"], said["version"]) == ("4096", "1.0")
    for name, changed in (
        ("context", {"context": 2048}),
        ("version", {"version": "1.1"}),
        ("version", {"version": ""}),  # what it told it does not tell any more
    ):
        with pytest.raises(RecordingMismatch, match=rf"another server \({name}\)"):
            recorded(folder, 2, **{**same, **changed})
    assert recorded(folder, 2, **same) == 2
