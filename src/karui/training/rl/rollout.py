"""Rollouts: what a model under training writes, drawn on a copy of it that is made to generate fast.

A trainer's model is float32 and wrapped; the copy lies in the type that the device computes fastest in and
runs on karui's row cache, all completions of a batch side by side. Those that are over leave the batch, so
that the last long ones are computed alone. On a GPU a step of a small model takes as long as launching its
kernels, whatever the number of rows: there a step is captured once as a CUDA graph for every shape that it
comes in, and replayed as one launch.
"""

from collections.abc import Collection, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from karui.core.prompt import Sampling
from karui.engines.transformers.cache import rounded
from karui.engines.transformers.network import Network
from karui.engines.transformers.sampling import draw

_LOOK = {"cpu": 4}
"""Steps between two looks at which rows are over: on a GPU a look waits for everything that is under way."""
_LOOK_GPU = 16
_READ_TOKENS = {"cpu": 2048}
_READ_TOKENS_GPU = 65536
_FEWEST = 8
"""Rows of the smallest captured step."""


class Sampler:
    """Draws completions from a copy of a model."""

    def __init__(
        self, model: Any, ends: Collection[int], *, device: Any, dtype: str, rows: int, graphs: bool
    ) -> None:
        """Copies the model.

        Args:
            model: As transformers loads it, before a trainer wraps it.
            ends: Tokens that end a completion.
            device: Where to generate.
            dtype: What to generate in, as torch names it.
            rows: Completions side by side at most; memory grows with it.
            graphs: Whether to capture steps as CUDA graphs; for a CUDA device only.

        Raises:
            ModelError: The model cannot be driven row by row; see `Network`.
        """
        copied = deepcopy(model).to(device=device, dtype=getattr(torch, dtype)).eval()
        self._copy = copied.requires_grad_(requires_grad=False)
        self._rows = _power(rows) if graphs else rows
        self._network = Network(copied, self._rows)
        self._device = self._network.device
        self._ends = torch.tensor(sorted(ends), device=self._device)
        self._graphs = _Graphs(self._network) if graphs else None

    @torch.no_grad()
    def refresh(self, model: Any) -> None:
        """Takes over the weights of the model under training, low-rank adapters merged into a copy of theirs.

        Args:
            model: What was copied, trained and unwrapped; with adapters, a PeftModel.
        """
        if not hasattr(model, "peft_config"):
            trained = dict(model.named_parameters())
            for name, weight in self._copy.named_parameters():
                weight.copy_(trained[name])
            return
        # Merging in place and taking it back again would wear the base's weights off, rounding by rounding.
        for name, module in model.get_base_model().named_modules():
            if hasattr(module, "get_delta_weight") and hasattr(module, "base_layer"):
                whole = module.base_layer.weight + module.get_delta_weight(module.active_adapters[0])
                self._copy.get_submodule(name).weight.copy_(whole)

    @torch.inference_mode()
    def sample(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, seed: Sequence[int]
    ) -> list[list[int]]:
        """Returns what follows each prompt, with the token that ends it where it came to its end.

        Args:
            prompts: As tokens, none empty. Equal ones are read once.
            sampling: How tokens are drawn, and how many at most; fewer where the context is full.
            seed: Decides everything random, together with the prompts.
        """
        drawn = torch.Generator(self._device).manual_seed(_mixed(seed))
        # Rows of like length share a wave: what a step attends to goes by the longest of them.
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        results: list[list[int]] = [[] for _ in prompts]
        for start in range(0, len(order), self._rows):
            places = order[start : start + self._rows]
            written = self._wave([prompts[i] for i in places], sampling, drawn)
            for place, tokens in zip(places, written, strict=True):
                results[place] = tokens
        return results

    def _wave(
        self, prompts: list[Sequence[int]], sampling: Sampling, drawn: torch.Generator
    ) -> list[list[int]]:
        device, count = self._device, len(prompts)
        rooms = [min(sampling.max_tokens, self._network.context - len(p)) for p in prompts]
        steps, longest = max(rooms), max(map(len, prompts))
        self._network.cache.ensure(self._rows, rounded(longest + steps))
        self._read(prompts)
        ids = torch.tensor([p[-1] for p in prompts], device=device)
        positions = torch.tensor([len(p) - 1 for p in prompts], device=device)
        owners = torch.arange(count, device=device)
        over = torch.zeros(count, dtype=torch.bool, device=device)
        written = torch.zeros((count, steps), dtype=torch.long, device=device)
        look = _LOOK.get(device.type, _LOOK_GPU)
        for step in range(steps):
            logits = self._step(ids, positions, min(longest - 1 + step, self._network.context - 1))
            ids = self._draw(logits, sampling, drawn)
            written[owners, step] = ids
            over |= torch.isin(ids, self._ends)
            # One that is over, or has no room, goes on until the next look; what it writes is cut off below.
            positions = (positions + 1).clamp(max=self._network.context - 1)
            if step % look == look - 1:
                kept = self._keep(over, longest + step)
                if not len(kept):
                    break
                ids, positions, owners, over = ids[kept], positions[kept], owners[kept], over[kept]
        ends = set(self._ends.tolist())
        return [_cut(row[:room], ends) for row, room in zip(written.tolist(), rooms, strict=True)]

    def _read(self, prompts: list[Sequence[int]]) -> None:
        """Fills the cache: different prompts are read in groups, then copied to their equals."""
        first: dict[tuple[int, ...], int] = {}
        sources, targets = [], []
        for row, prompt in enumerate(prompts):
            key = tuple(prompt)
            if key in first:
                sources.append(first[key])
                targets.append(row)
            else:
                first[key] = row
        budget = _READ_TOKENS.get(self._device.type, _READ_TOKENS_GPU)
        waiting = sorted(
            (row for row in first.values() if len(prompts[row]) > 1), key=lambda r: len(prompts[r])
        )
        while waiting:
            taken = 1
            while taken < len(waiting) and len(prompts[waiting[taken]]) * (taken + 1) <= budget:
                taken += 1
            group, waiting = waiting[:taken], waiting[taken:]
            self._network.read_prompts(group, [list(prompts[row][:-1]) for row in group])
        if sources:
            packed = torch.tensor([sources, targets], device=self._device)
            self._network.cache.copy(packed[0], packed[1], max(map(len, prompts)))

    def _step(self, ids: Tensor, positions: Tensor, longest: int) -> Tensor:
        if self._graphs is not None:
            return self._graphs.step(ids, positions, longest)
        return self._network.step(ids[:, None], positions, longest, None)

    def _draw(self, logits: Tensor, sampling: Sampling, drawn: torch.Generator) -> Tensor:
        rows = len(logits)
        uniforms = torch.rand(rows, generator=drawn, device=self._device)
        warmth = torch.full((rows,), sampling.temperature, device=self._device)
        nucleus = torch.full_like(warmth, sampling.top_p) if sampling.top_p < 1 else None
        best = torch.full((rows,), sampling.top_k, device=self._device) if sampling.top_k else None
        return draw(logits, uniforms, warmth, nucleus, best, greedy=sampling.temperature == 0)[0]

    def _keep(self, over: Tensor, length: int) -> Tensor:
        """Moves the rows that go on to the front of the cache; returns which rows now lie where."""
        running = (~over).nonzero().squeeze(1).tolist()
        place = list(running)
        count = len(running)
        if count in {0, len(over)}:
            return torch.tensor(place, dtype=torch.long, device=self._device)
        taken = set(running)
        holes = [row for row in range(count) if row not in taken]
        movers = [row for row in running if row >= count]
        place = list(range(count))
        for hole, mover in zip(holes, movers, strict=True):
            place[hole] = mover
        if holes:
            packed = torch.tensor([movers, holes], device=self._device)
            self._network.cache.copy(packed[0], packed[1], rounded(length))
        return torch.tensor(place, dtype=torch.long, device=self._device)


class _Graphs:
    """Captured steps, one for each number of rows and length seen; weights are read anew at every replay."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._bytes = 0
        self._captured: dict[tuple[int, int], tuple[Any, Tensor, Tensor, Tensor]] = {}
        self._pool: Any = None

    def step(self, ids: Tensor, positions: Tensor, longest: int) -> Tensor:
        """Returns what `Network.step` does, of a step captured for at least so many rows and tokens."""
        if self._bytes != self._network.cache.bytes:  # the cache has grown, and lies elsewhere
            torch.cuda.synchronize(self._network.device)  # what is thrown away may still be running
            self._captured.clear()
            self._pool = None  # it goes with the last graph that was captured in it
            self._bytes = self._network.cache.bytes
        rows, seen = _power(len(ids)), rounded(longest + 1)
        if (rows, seen) not in self._captured:
            self._captured[rows, seen] = self._capture(rows, seen, ids, positions)
        graph, given, places, logits = self._captured[rows, seen]
        given[: len(ids)] = ids
        places[: len(ids)] = positions
        places[len(ids) :] = 0  # rows beyond those that run compute what nobody reads
        graph.replay()
        return logits[: len(ids)]

    def _capture(
        self, rows: int, seen: int, ids: Tensor, positions: Tensor
    ) -> tuple[Any, Tensor, Tensor, Tensor]:
        device = self._network.device
        given, places = (torch.zeros(rows, dtype=torch.long, device=device) for _ in range(2))
        # A rehearsal writes to the cache: what the step itself is about to write there.
        given[: len(ids)], places[: len(ids)] = ids, positions
        aside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(2):
                self._network.step(given[:, None], places, seen - 1, None)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            logits = self._network.step(given[:, None], places, seen - 1, None)
        self._pool = graph.pool()
        return graph, given, places, logits


def _power(rows: int) -> int:
    """Returns the power of two, at least `_FEWEST`, that so many rows fit into."""
    return max(_FEWEST, 1 << (rows - 1).bit_length())


def _cut(row: list[int], ends: set[int]) -> list[int]:
    """Returns a row up to the token that ends it, that one included."""
    last = next((at for at, token in enumerate(row) if token in ends), len(row) - 1)
    return row[: last + 1]


def _mixed(seed: Sequence[int]) -> int:
    """Returns one seed (63 bits) made of several numbers."""
    import numpy as np

    return int(np.random.default_rng(list(seed)).integers(1 << 63))
