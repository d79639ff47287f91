"""Whether the model's server answers with tools and formats behind closed thinking: tried when it matters."""

import asyncio
import logging
from collections.abc import Mapping

from karui.core.engine import Engine
from karui.core.errors import KaruiError
from karui.core.prompt import KINDS
from karui.engines.openai import HttpEngine
from karui.gateway.clean import clean

_log = logging.getLogger(__name__)


class ParameterCheck:
    """Tries the server of one engine."""

    def __init__(self, engine: Engine) -> None:
        """Takes the engine that plans run on."""
        self._engine = engine if isinstance(engine, HttpEngine) else None
        self._lock = asyncio.Lock()

    @property
    def lacking(self) -> Mapping[str, str] | None:
        """Kinds of parameters with which it does not, and why; None where that is not known."""
        return self._engine.lacks_parameters if self._engine is not None else None

    async def find(self) -> None:
        """Tries it, unless that was done; a server that fails is tried again the next time."""
        if self._engine is None:
            return
        async with self._lock:
            if self._engine.lacks_parameters is None:
                try:
                    await self._engine.try_parameters(KINDS)
                except KaruiError as error:
                    _log.warning("parameters could not be tried: %s", clean(f"{error.what} {error.why}", 400))
