"""`make demo` comes up by itself, shows its monitor, and Ctrl-C leaves nothing running."""

import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


def answered(address):
    """Requests that the gateway has answered, by its metrics."""
    told = urllib.request.urlopen(f"{address}metrics", timeout=20).read().decode()
    counts = re.findall(r"^karui:e2e_request_latency_seconds_count\S* (\S+)$", told, re.MULTILINE)
    return sum(map(float, counts))


def test_the_demo_from_start_to_ctrl_c():
    command = [
        sys.executable,
        "-u",
        ROOT / "deploy" / "demo.py",
        "--no-vllm",
        "--port",
        "0",
        "--clients",
        "2",
    ]
    demo = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        address = re.search(r"Monitor: +(http\S+)", said)[1]
        page = urllib.request.urlopen(address, timeout=20).read().decode()
        assert "trial-confidence" in page
        served = psutil.Process(demo.pid).children(recursive=True)
        assert served
        # Somebody asks within seconds.
        deadline = time.monotonic() + 60
        while not answered(address):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=60)
        assert demo.returncode == 0, rest
        assert rest.rstrip().endswith("Everything has ended.")
        assert not any(p.is_running() for p in served)
    finally:
        demo.kill()
