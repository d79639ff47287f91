"""A model and its cache as the slot loop sees them, with torch.

Where a slot keeps its keys and values is another matter than its number: `_order` maps rows of the cache to
slots, and the rows that take the next step are in front, where the step sees them as a view.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from karui.engines.batching.runner import SamplingBatch
from karui.engines.transformers.network import Network
from karui.engines.transformers.sampling import BANNED, draw
from karui.engines.transformers.spans import misplaced, spans_of

_RESTING = 8
"""One row in so many may rest among those that take a step: that costs less than to move two of them."""


class TorchRunner:
    """A `karui.engines.batching.runner.Verifier` over a network."""

    def __init__(self, network: Network) -> None:
        """Takes the network, with an empty cache."""
        self._network = network
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._place: NDArray[np.int64] = np.zeros(0, np.int64)
        self._length: NDArray[np.int64] = np.zeros(0, np.int64)
        self._held = 0

    @property
    def vocabulary(self) -> int:
        """Width of the model's output."""
        return self._network.vocabulary

    @property
    def context(self) -> int:
        """Positions that the model knows."""
        return self._network.context

    @property
    def prompt_budget(self) -> int:
        """Tokens, padding included, that prompts read together should come to at most."""
        return 2048 if self._network.device.type == "cpu" else 65536

    @property
    def loaded_bytes(self) -> int:
        """Bytes of the weights as they lie in memory."""
        from karui.engines.transformers.model_info import loaded_bytes

        return loaded_bytes(self._network.model)

    @property
    def kv_value_bytes(self) -> float:
        """Bytes of one value in the cache."""
        return float(self._network.dtype.itemsize)

    def allocate(self, slot: int) -> None:
        """Makes room for a new row, in the first hole."""
        if slot >= len(self._place):
            more = slot + 1 - len(self._place)
            self._place = np.concatenate((self._place, np.zeros(more, np.int64)))
            self._length = np.concatenate((self._length, np.zeros(more, np.int64)))
            self._order = np.concatenate((self._order, np.full(more, -1)))
        holes = np.flatnonzero(self._order[: self._held] < 0)
        place = int(holes[0]) if len(holes) else self._held
        self._held = max(self._held, place + 1)
        self._order[place], self._place[slot], self._length[slot] = slot, place, 0
        self._network.cache.ensure(self._held, 1)

    @torch.inference_mode()
    def prefill(self, slots: list[int], prompts: list[list[int]]) -> None:
        """Reads prompts into placed, empty rows, together."""
        self._network.read_prompts(self._place[slots].tolist(), prompts)
        self._length[slots] = [len(p) for p in prompts]

    def copy(self, sources: list[int], targets: list[int], length: int) -> None:
        """Copies the first `length` tokens of rows onto placed, empty ones."""
        self._copy(self._place[sources].tolist(), self._place[targets].tolist(), length)
        self._length[targets] = length

    @torch.inference_mode()
    def extend(self, slots: list[int], lengths: list[int], texts: list[list[int]]) -> None:
        """Appends texts, all as long as each other, to rows of these lengths."""
        self._network.read_more(self._place[slots].tolist(), lengths, texts)
        self._length[slots] = np.add(lengths, len(texts[0]))

    def step(
        self,
        slots: NDArray[np.int64],
        tokens: NDArray[np.int64],
        lengths: NDArray[np.int64],
        draws: SamplingBatch,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Appends a token to each row, and draws the next; as `ModelRunner.step`."""
        return self.verify(slots, tokens[:, None], lengths, draws)

    @torch.inference_mode()
    def verify(
        self,
        slots: NDArray[np.int64],
        tokens: NDArray[np.int64],
        lengths: NDArray[np.int64],
        draws: SamplingBatch,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Appends tokens to each row, and draws what follows each of them; as `Verifier.verify`."""
        self._length[slots] = lengths
        front = self._arrange(slots)
        device, width = self._network.device, tokens.shape[1]
        at = self._place[slots]  # rows of the cache have an order of their own
        captured = self._network.captured
        plain = not (draws.banned or draws.penalized or draws.top_k.any())
        if captured is not None and width == 1 and plain:
            order = np.argsort(at)
            turned = np.stack((draws.uniforms, draws.temperature, draws.top_p))[:, order].astype(np.float32)
            taken = captured.step(tokens[order, 0], lengths[order], turned)
            if taken is not None:
                self._length[slots] += 1
                taken = taken[:, at]
                return taken[0].astype(np.int64), taken[1:]
        # Rows in between that rest take the step as well, behind what they hold, where it is never seen.
        held = self._order[:front]
        behind = np.where(held < 0, 0, np.minimum(self._length[held], self.context - width))
        behind[at] = lengths
        given = np.zeros((front, width), np.int64)
        given[at] = tokens
        longest = int(behind.max())
        even = longest if longest == int(behind.min()) else None
        # One copy to the device, and both parts without gaps: a compiled step takes strides for another form.
        packed = torch.from_numpy(np.concatenate((given.ravel(), behind))).to(device)
        ids, positions = packed[: given.size].view(-1, width), packed[given.size :]
        spans = spans_of(behind + width) if self._network.spanned else ()
        logits = self._network.step(ids, positions, longest, even, spans)
        if front != len(slots) or (np.diff(at) < 0).any():
            ours = (at[:, None] * width + np.arange(width)).ravel()
            logits = logits[torch.from_numpy(ours).to(device)]
        for rows, banned in draws.banned:
            logits[torch.from_numpy(rows).to(device)[:, None], torch.from_numpy(banned).to(device)] = BANNED
        for rows, lowered, amounts in draws.penalized:
            where = torch.from_numpy(rows).to(device)[:, None], torch.from_numpy(lowered).to(device)
            logits[where] -= torch.from_numpy(amounts).to(device)
        settings = np.stack((draws.uniforms, draws.temperature, draws.top_p, draws.top_k))
        knobs = torch.from_numpy(settings.astype(np.float32)).to(device)
        drawn, signals = draw(
            logits,
            knobs[0],
            knobs[1],
            knobs[2] if (draws.top_p < 1).any() else None,
            knobs[3].long() if draws.top_k.any() else None,
            greedy=not draws.temperature.any(),
        )
        self._length[slots] += width
        # One copy from the device. Token numbers up to 2^24 are exact in float32; no vocabulary is longer.
        out = torch.cat((drawn[None].float(), signals)).cpu().numpy()
        return out[0].astype(np.int64), out[1:]

    def free(self, slot: int) -> None:
        """Gives up a row."""
        self._order[self._place[slot]] = -1

    def warm_up(self) -> None:
        """Takes a step, so that it can be timed."""
        self._network.warm_up()

    def close(self) -> None:
        """Lets go of the model and its cache."""
        self._network.close()

    def _arrange(self, slots: NDArray[np.int64]) -> int:
        """Moves rows to the front of the cache where they are not near enough; returns how long it is."""
        while self._held and self._order[self._held - 1] < 0:
            self._held -= 1
        front = int(self._place[slots].max()) + 1
        allowed = len(slots) // _RESTING if self._network.spanned else 0
        if front - len(slots) > allowed:
            self._fill(slots)
            front = len(slots)
        if self._network.spanned:
            self._sort(front)
        return front

    def _fill(self, slots: NDArray[np.int64]) -> None:
        """Moves rows to the front, without a gap."""
        order = self._order[: self._held]
        runs = np.zeros(self._held, bool)
        runs[self._place[slots]] = True
        count = len(slots)
        holes, movers = np.flatnonzero(~runs[:count]), count + np.flatnonzero(runs[count:])
        resting = order[holes]  # slots, -1 where nothing lies
        moving = order[movers]
        length = int(self._length[np.concatenate((moving, resting[resting >= 0]))].max())
        # Sources are read before targets are written, so both directions are one copy.
        swapped = resting >= 0
        self._copy(
            [*movers.tolist(), *holes[swapped].tolist()],
            [*holes.tolist(), *movers[swapped].tolist()],
            length,
        )
        self._order[holes], self._order[movers] = moving, resting
        self._place[moving] = holes
        self._place[resting[swapped]] = movers[swapped]

    def _sort(self, count: int) -> None:
        """Moves the first rows of the cache so that the longest come first, where that is worth it."""
        slots = self._order[:count]
        lengths = np.where(slots < 0, 0, self._length[slots])
        sources, targets = misplaced(lengths)
        if len(sources):
            self._copy(sources.tolist(), targets.tolist(), int(lengths[sources].max()))
            moved = slots[sources]
            self._order[targets] = moved
            self._place[moved[moved >= 0]] = targets[moved >= 0]

    @torch.inference_mode()
    def _copy(self, sources: list[int], targets: list[int], length: int) -> None:
        packed = torch.tensor([sources, targets], device=self._network.device)
        self._network.cache.copy(packed[0], packed[1], length)
