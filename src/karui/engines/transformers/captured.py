"""Forwards as CUDA graphs: what a GPU does in a step, recorded once and launched as one.

A small model's step is some five hundred kernels of a few microseconds; launching them from Python takes ten
times as long as they run. A graph has fixed shapes and fixed addresses: rows and lengths are rounded up to a
few sizes, inputs are copied into buffers that stay where they are, and whatever moves the cache elsewhere
drops all graphs. Rows that only fill up a size write where no sequence ever reads.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from karui.core.errors import ModelError
from karui.engines.transformers.cache import RowCache
from karui.engines.transformers.sampling import HEAD, draw

ROWS = (1, 2, 4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Sizes of a batch that there are graphs for; a larger one is not captured."""
SEEN_STEP = 256
"""Lengths that attention sees are rounded up to this."""
WIDTHS = (8, 16, 32, 64, 128, 256, 512)
"""Sizes of a text that is read at once; a longer one is not captured."""
READ_TOKENS = 16384
"""Tokens, padding included, of a reading that is captured: a graph keeps the memory that it works in."""


class Forwards(Protocol):
    """What is captured: a network (`karui.engines.transformers.network.Network`)."""

    cache: RowCache
    device: torch.device
    vocabulary: int

    def forward_rows(self, ids: Tensor, positions: Tensor, seen: int) -> Tensor:
        """Appends a token to each of the first rows; returns logits [rows, vocabulary]."""

    def forward_more(self, ids: Tensor, rows: Tensor, lengths: Tensor, seen: int) -> None:
        """Appends texts of one length to rows that hold `lengths` tokens."""

    def read_prompts(self, rows: list[int], prompts: list[list[int]]) -> None:
        """Reads whole prompts into empty rows."""

    def step(self, ids: Tensor, positions: Tensor, longest: int, even: int | None) -> Tensor:
        """Does what `forward_rows` does, wherever there is room."""


def at_least(size: int, sizes: tuple[int, ...]) -> int:
    """Returns the first of rising sizes that is not smaller; 0 where none is."""
    return next((s for s in sizes if s >= size), 0)


class StaticStep:
    """The step of one token a row, drawing included, over buffers that stay where they are.

    Attributes:
        given: Tokens and positions, [2, rows].
        knobs: Uniforms, temperature and top_p, [3, rows].
        logits: Of the last step, [rows, vocabulary].
        out: Tokens, the three signals, and whether `top_p` lay within the head of the vocabulary, [5, rows].
    """

    def __init__(self, network: Forwards, rows: int, seen: int) -> None:
        """Allocates the buffers."""
        device = network.device
        self._network, self._seen = network, seen
        self.given = torch.zeros((2, rows), dtype=torch.long, device=device)
        self.knobs = torch.zeros((3, rows), dtype=torch.float32, device=device)
        self.logits = torch.zeros((rows, network.vocabulary), dtype=torch.float32, device=device)
        self.out = torch.zeros((5, rows), dtype=torch.float32, device=device)

    def compute(self) -> None:
        """Appends `given` to the first rows of the cache, and draws what follows into `out`."""
        self.logits.copy_(self._network.forward_rows(self.given[0][:, None], self.given[1], self._seen))
        tokens, signals = draw(
            self.logits, self.knobs[0], self.knobs[1], self.knobs[2], None, greedy=False, head=HEAD
        )
        self.out[0] = tokens
        self.out[1:4] = signals
        self.out[4] = self._within_head()

    def _within_head(self) -> Tensor:
        """Returns 1 for every row whose `top_p` is reached by the tokens that were ranked."""
        if self.logits.shape[-1] <= HEAD:
            return torch.ones_like(self.knobs[0])
        warm = torch.where(self.knobs[1] == 0, 1.0, self.knobs[1])
        shares = torch.softmax(self.logits / warm[:, None], -1)
        reached = shares.topk(HEAD, -1).values.sum(-1) >= self.knobs[2] * shares.sum(-1)
        return (reached | (self.knobs[1] == 0) | (self.knobs[2] >= 1)).float()


class StaticRead:
    """Reading texts of one length into rows, anywhere, over buffers that stay where they are.

    Attributes:
        given: [rows, 2 + width]: the row of the cache, how many tokens it holds, and the text.
    """

    def __init__(self, network: Forwards, rows: int, width: int, seen: int) -> None:
        """Allocates the buffers."""
        self._network, self._seen = network, seen
        self.given = torch.zeros((rows, 2 + width), dtype=torch.long, device=network.device)

    def compute(self) -> None:
        """Reads `given`."""
        self._network.forward_more(self.given[:, 2:], self.given[:, 0], self.given[:, 1], self._seen)


class Captured:
    """Graphs of a network's forwards, captured when they are first needed."""

    def __init__(self, network: Forwards) -> None:
        """Captures nothing yet."""
        self._network = network
        self._static: dict[tuple[Any, ...], Any] = {}
        self._graphs: dict[tuple[Any, ...], Callable[[], None]] = {}
        self._pool: Any = None
        self._cache_moves = -1
        self.count = 0

    def step(
        self, tokens: NDArray[np.int64], lengths: NDArray[np.int64], knobs: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """Appends a token to each of the first rows and draws the next.

        Args:
            tokens: [rows].
            lengths: Where each goes, [rows].
            knobs: Uniforms, temperature and top_p, [3, rows].

        Returns:
            Tokens and signals [4, rows]; None where there are more rows than graphs are made for.
        """
        count = len(tokens)
        rows, seen = at_least(count, ROWS), self._rounded(int(lengths.max()) + 1)
        if not rows:
            return None
        made: StaticStep = self._made(("step", rows, seen), rows, seen)
        packed = np.full((2, rows), self._network.cache.length - 1, np.int64)
        packed[0] = tokens[0]
        packed[:, :count] = tokens, lengths
        turned = np.zeros((3, rows), np.float32)
        turned[2] = 1.0
        turned[:, :count] = knobs
        made.given.copy_(torch.from_numpy(packed))
        made.knobs.copy_(torch.from_numpy(turned))
        self._run(("step", rows, seen))
        out: NDArray[np.float32] = made.out.cpu().numpy()[:, :count]
        if not out[4].all():  # some row's head was too short: all are drawn as they are without a graph
            uniforms, temperature, top_p = made.knobs[:, :count]
            again = draw(made.logits[:count], uniforms, temperature, top_p, None, greedy=False)
            out[0], out[1:4] = again[0].cpu().numpy(), again[1].cpu().numpy()
        return out[:4]

    def warm_up(self, rows: int) -> bool:
        """Takes a step of so many rows that nobody asked for; returns whether there are graphs for it."""
        ones = np.ones(rows, np.int64)
        return self.step(ones, 127 * ones, np.ones((3, rows), np.float32)) is not None

    def read(self, rows: list[int], lengths: list[int], texts: list[list[int]]) -> bool:
        """Reads texts into rows that hold `lengths` tokens; returns whether it did.

        Texts may be of unlike lengths: what a shorter one is filled up with lies behind its row's end.
        """
        width = at_least(max(map(len, texts)), WIDTHS)
        count = at_least(len(rows), ROWS)
        if not width or not count or width * count > READ_TOKENS:
            return False
        seen = self._rounded(max(lengths) + width)
        self._network.cache.ensure(max(rows) + 1, seen + 1)
        key = ("read", count, width, seen)
        made: StaticRead = self._made(key, count, width, seen)
        packed = np.empty((count, 2 + width), np.int64)
        for number in range(count):  # the last one again and again: it writes the same in the same place
            at = min(number, len(rows) - 1)
            text = texts[at]
            packed[number, :2] = rows[at], lengths[at]
            packed[number, 2 : 2 + len(text)] = text
            packed[number, 2 + len(text) :] = text[-1]
        made.given.copy_(torch.from_numpy(packed))
        self._run(key)
        return True

    def _rounded(self, length: int) -> int:
        return -(-length // SEEN_STEP) * SEEN_STEP

    def _made(self, key: tuple[Any, ...], *sizes: int) -> Any:
        """Returns the forward of some sizes, captured if it is not there."""
        network = self._network
        # One position more than is seen: what fills up a batch writes there.
        network.cache.ensure(sizes[0], sizes[-1] + 1)
        if self._cache_moves != network.cache.moves:
            self._graphs.clear()  # they hold addresses of what is gone
            self._pool, self._cache_moves = None, network.cache.moves
        if key not in self._static:
            kind = StaticStep if key[0] == "step" else StaticRead
            self._static[key] = kind(network, *sizes)
        return self._static[key]

    def _run(self, key: tuple[Any, ...]) -> None:
        """Runs a forward whose buffers are filled; captured now, it runs twice and does the same twice."""
        if key not in self._graphs:
            self._graphs[key] = self._capture(self._static[key])
        self._graphs[key]()

    def _capture(self, made: "StaticStep | StaticRead") -> Callable[[], None]:
        """Returns what runs the forward: a graph on a GPU, itself elsewhere."""
        if self._network.device.type != "cuda":
            return made.compute
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            made.compute()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        with torch.cuda.graph(graph, pool=self._pool):
            made.compute()
        self.count += 1
        replay: Callable[[], None] = graph.replay
        return replay


def check(captured: Captured, network: Forwards, allowed: float) -> str:
    """Takes a step and reads texts by graphs, and compares with the plain forward; returns what is wrong.

    Args:
        captured: The graphs.
        network: With no row in use.
        allowed: How far logits may be off, in standard deviations.
    """
    try:
        prompt = [1, 2, 3, 4, 5]
        captured.read([0, 1], [0, 0], [prompt, prompt[:3]])
        made: StaticStep = captured._made(("step", 2, SEEN_STEP), 2, SEEN_STEP)  # noqa: SLF001 - its own check
        ids, positions = np.array([6, 4]), np.array([5, 3])
        captured.step(ids, positions, np.array([[0.5, 0.5], [0, 0], [1, 1]], np.float32))
        ours = made.logits.clone()
        network.read_prompts([0, 1], [prompt, prompt[:3]])
        given = torch.from_numpy(np.stack((ids, positions))).to(network.device)
        theirs = network.step(given[0][:, None], given[1], 5, None)
        off = float((ours - theirs).abs().max() / theirs.std().clamp(min=1e-6))
    except (RuntimeError, ModelError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return "" if off <= allowed else f"off by {off:.2g} standard deviations of the logits"
