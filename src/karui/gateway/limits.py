"""The limits that protect a gateway, stated beforehand."""

from dataclasses import dataclass

from karui.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits, stated beforehand.

    Attributes:
        at_once: Requests answered side by side.
        queue: Requests that may wait for a place; more are told to come back.
        queue_seconds: How long one may wait.
        body_bytes: Largest body.
        bodies_bytes: What the bodies of all requests under way may hold together.
        connections: Connections of clients; more are told to come back.
        head_seconds: How long a request's head may take to arrive.
        reader_seconds: How long a client may take nothing of its reply.
        body_seconds: How long a body may take to arrive.
        connect_seconds: For a connection to a server.
        silence_seconds: For the next byte of a server; the first one waits in the server's queue.
        request_seconds: For a whole request.
        drain_seconds: For the requests under way when the gateway is told to stop.
        silent: Plans run silently side by side, for shadows and probes; more are left out.
    """

    at_once: int = 64
    queue: int = 64
    queue_seconds: float = 30.0
    body_bytes: int = 4 * 2**20
    bodies_bytes: int = 256 * 2**20
    connections: int = 1000
    head_seconds: float = 10.0
    reader_seconds: float = 60.0
    body_seconds: float = 30.0
    connect_seconds: float = 5.0
    silence_seconds: float = 60.0
    request_seconds: float = 600.0
    drain_seconds: float = 30.0
    silent: int = 4

    def __post_init__(self) -> None:
        """Refuses limits that let nothing through.

        Raises:
            InputError: Names the first.
        """
        for name in self.__slots__:
            least = 0 if name in {"queue", "silent"} else 1e-9
            if not getattr(self, name) >= least:
                bound = "at least" if least == 0 else "greater than"
                raise InputError(
                    f"limits.{name} must be {bound} 0 (got {getattr(self, name)}).",
                    remedy=f"Set a larger {name} under [limits] in the settings file.",
                )
