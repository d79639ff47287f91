"""A Ray cluster as karui uses it: connected once, and asked how much of it there is."""

from dataclasses import dataclass
from typing import Any

from karui.core.errors import EngineError, InputError

RAY = "ray"
"""The cluster that RAY_ADDRESS names or this machine is part of, as `--on` calls it; else one begins here."""


@dataclass(frozen=True)
class Cluster:
    """What a cluster has.

    Attributes:
        ray: The library.
        cpus: Processors of all nodes together, as Ray counts them.
        gpus: GPUs likewise.
    """

    ray: Any
    cpus: float
    gpus: float

    def shares(self, workers: int, threads: int, *, cpu: bool) -> list[dict[str, float]]:
        """Returns what each worker is given of the cluster.

        Args:
            workers: How many there are to be; 0 is one for each GPU, or for each share of the processors.
            threads: Processors of a share, where there are no GPUs; 0 is one.
            cpu: Whether GPUs are to be left alone.

        Raises:
            InputError: The cluster is too small for them.
        """
        if self.gpus and not cpu:
            count = workers or int(self.gpus)
            share = {"num_gpus": min(1.0, self.gpus / count), "num_cpus": min(1.0, self.cpus / count)}
            return [share] * count
        each = float(max(1, threads))
        count = workers or int(self.cpus // each)
        if count < 1 or count * each > self.cpus:
            raise InputError(
                f"{count or 'One'} workers of {each:.0f} processors do not fit into a cluster of "
                f"{self.cpus:.0f}.",
                remedy="Ask for fewer (--workers) or smaller ones (--threads), or add nodes.",
            )
        return [{"num_cpus": each}] * count


def connect(place: str) -> Cluster:
    """Connects to a cluster, or starts one on this machine where there is none.

    Args:
        place: `RAY`, or a cluster's address: HOST:PORT, or ray://HOST:PORT.

    Raises:
        InputError: Ray is not installed.
        EngineError: There is no such cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "Ray is not installed, and --on needs it.",
            why=str(error),
            remedy='Install it here and on every node: pip install "karui[ray]".',
        ) from error
    if not ray.is_initialized():
        try:
            _begin(ray, place)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise EngineError(
                f"There is no Ray cluster at {place}.",
                why=f"{type(error).__name__}: {error}",
                remedy="Start one (`ray start --head`), or give its address.",
            ) from error
    found = ray.cluster_resources()
    return Cluster(ray, float(found.get("CPU", 0)), float(found.get("GPU", 0)))


def _begin(ray: Any, place: str) -> None:
    if place != RAY:
        ray.init(address=place, log_to_driver=False)
        return
    try:
        ray.init(address="auto", log_to_driver=False)
    except ConnectionError:  # neither RAY_ADDRESS nor a node here
        ray.init(include_dashboard=False, log_to_driver=False)
