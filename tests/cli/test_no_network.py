"""Without a network: one error, at once, whatever the network does instead of answering."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

REFUSED = 2


@contextmanager
def hub(answer: bytes | None):
    """A Hub on this machine that answers every connection with these bytes, or never."""
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            held.append(connection)
            if answer is not None:
                connection.recv(65536)
                connection.sendall(answer)
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", held
    finally:
        listener.close()
        for connection in held:
            connection.close()


BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def apart(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs karui in a process of its own: the Hub's libraries read the environment once."""
    return subprocess.run(
        [sys.executable, "-m", "karui", *words],
        text=True,
        capture_output=True,
        timeout=100,
        check=False,
        env={
            **os.environ,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_ETAG_TIMEOUT": "1",
            "HF_HOME": "/nonexistent",
            **environment,
        },
    )


@pytest.mark.parametrize("state", ["closed", "silent", "busy", "switched off"])
@pytest.mark.parametrize("words", [("record", "--model", "some/model"), ("record", "--questions", "gsm8k")])
def test_a_hub_that_cannot_be_reached_is_one_error(
    words: tuple[str, ...], state: str, tmp_path: Path
) -> None:
    """It was: half a minute of retries, a warning each (gsm8k); no end at all where the Hub is silent."""
    if "gsm8k" in words:
        pytest.importorskip("datasets")
    with hub(BUSY if state == "busy" else None) as (address, held):
        where = "http://127.0.0.1:9" if state == "closed" else address
        off = {"HF_HUB_OFFLINE": "1"} if state == "switched off" else {}
        done = apart(*words, "--out", str(tmp_path / "out"), HF_ENDPOINT=where, **off)
        asked = len(held)
    assert done.returncode == REFUSED, done.stderr
    assert "cannot be reached" in done.stderr
    assert "HTTPS_PROXY" in done.stderr
    assert "Retrying" not in done.stderr
    assert "Traceback" not in done.stderr
    assert asked <= 1  # once, not again and again
    error = done.stderr[done.stderr.index("Error:") :].strip().splitlines()
    assert len(error) == 3  # what, why and what to do
    if state == "silent":
        assert "HF_HUB_ETAG_TIMEOUT" in done.stderr
