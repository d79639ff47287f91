"""What servers were found to do: each is tried once, for all processes and for every reading of the routes.

To try a server takes seconds, on a busy one half a minute, and tokens. Meanwhile a worker in the place of a
killed one would answer nobody.
"""

import json
import logging
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock

from filelock import FileLock

from karui.codec.values import decode, encode
from karui.engines.openai import HttpEngine
from karui.engines.openai.capabilities import Findings
from karui.engines.options import EngineOptions, ServerOptions

_log = logging.getLogger(__name__)
FOLDER = "KARUI_WORKER_SERVERS"
"""The environment variable in which workers find the folder that they share."""


@dataclass
class KnownServers:
    """Connects to servers; tries only those that nobody has tried yet, or that have changed since.

    Attributes:
        folder: Where processes keep it for each other; None where there is one process only.
    """

    folder: Path | None = None
    _known: dict[str, Findings] = field(default_factory=dict)
    _locks: defaultdict[str, Lock] = field(default_factory=lambda: defaultdict(Lock))

    @staticmethod
    def inherited() -> "KnownServers":
        """Returns what the workers of one supervisor share; what a process has alone where it is none."""
        folder = os.environ.get(FOLDER)
        return KnownServers(Path(folder) if folder else None)

    def connect(self, address: str, options: EngineOptions, server: ServerOptions) -> HttpEngine:
        """Returns an engine for a server. Of those who want the same one at once, one tries it.

        Args:
            address: As `HttpEngine.connect` takes it.
            options: How streams run.
            server: How to talk to the server.

        Raises:
            KaruiError: The server does not answer, or does not serve the model.
        """
        how = (options.thinking.as_dict(), options.suffix, options.rule)
        asked = (address, *how, server.folder, server.route, server.logprobs, server.key)
        name = sha256(repr(asked).encode()).hexdigest()[:32]
        with self._alone(name):
            found = self._read(name)
            engine = HttpEngine.load(address, options, server, found)
            if engine.findings is not None and engine.findings is not found:
                self._keep(name, engine.findings)
        return engine

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        with self._locks[name], ExitStack() as stack:
            if self.folder is not None:
                try:
                    stack.enter_context(FileLock(self.folder / f"{name}.lock"))
                except OSError as error:
                    _log.warning("processes cannot wait for each other's trial of a server: %s", error)
            yield

    def _read(self, name: str) -> Findings | None:
        if self.folder is None:
            return self._known.get(name)
        try:
            return decode(Findings, json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning("what was found of a server cannot be read, it is tried again: %s", error)
            return None

    def _keep(self, name: str, found: Findings) -> None:
        if self.folder is None:
            self._known[name] = found
            return
        file = self.folder / f"{name}.json"
        begun = file.with_suffix(".new")
        try:
            begun.write_text(json.dumps(encode(found)), encoding="utf-8")
            begun.replace(file)
        except OSError as error:
            _log.warning("what was found of a server cannot be kept for other processes: %s", error)
