"""A causal language model that reads prompts, appends forced text and takes steps in a row cache."""

from collections.abc import Sequence
from inspect import Parameter, signature
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from karui.core.errors import ModelError
from karui.engines.transformers import attention, prepacked, quantized
from karui.engines.transformers.cache import RowCache, rounded
from karui.engines.transformers.captured import Captured, check
from karui.engines.transformers.compiled import FIRST_SIZES, CompiledStep, compiling
from karui.engines.transformers.spans import Span

_ROUNDING = {torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: 0.5}
"""Largest difference, in standard deviations of the logits, between the plain forward and ours.

The largest of 152,000 logits behind 28 layers in bfloat16 (Qwen2.5-Coder-1.5B, CPU) was off by 0.28.
"""

_STEPS = 0.5
"""The same where activations are rounded to 8 bits: a last bit can decide which way, and layers add up."""

_FIRST_ROWS = 32
"""Rows of the cache to begin with: there is room for more once they are used."""


class Network:
    """The model and its cache.

    Attributes:
        cache: The rows.
        device: Where everything is computed.
        vocabulary: Width of the output.
        context: Positions the model knows.
    """

    def __init__(self, model: Any, rows: int, *, prepack: bool = False) -> None:
        """Takes a loaded model in evaluation mode and checks that it can be driven row by row.

        Args:
            model: The model.
            rows: Rows that will be used at most, as far as is known.
            prepack: Whether its weights may be laid out anew for a CPU: the model is then nobody else's.

        Raises:
            ModelError: Its layers are of a kind that cannot be forked, or its own forward differs from ours.
        """
        self.model = model
        self.device: torch.device = model.device
        config = model.config.get_text_config()
        self._windows = _windows(config)
        self.context: int = getattr(config, "max_position_embeddings", None) or 2**31
        if getattr(model.config, "_attn_implementation", "") in {"sdpa", attention.NAME}:
            attention.register()
            model.set_attn_implementation(attention.NAME)
            # A CPU's step adds the mask itself; the fused kernels take it as it is.
            self._additive = self.device.type == "cpu"
            # Most models hand what else they are given down to attention; the others read all rows alike.
            taken = signature(model.forward).parameters.values()
            self._hands_down = any(p.kind is Parameter.VAR_KEYWORD for p in taken)
        else:
            self._additive, self._hands_down = True, False
        # The head is as large as several layers: text that is only read does without it.
        self._reader = model.base_model if model.base_model is not model else model
        plain, shapes = self._plain_forward()
        if prepack and self.device.type == "cpu":
            prepacked.prepack(model)
        self.vocabulary = int(plain.shape[-1])
        self.dtype: torch.dtype = plain.dtype
        self.cache = RowCache(shapes, plain.dtype, self.device, min(rows, _FIRST_ROWS))
        self._compiled: CompiledStep | None = None
        self.captured: Captured | None = None
        self._check(plain)

    @property
    def spanned(self) -> bool:
        """Whether a step reads each row only about as far as it goes, so that their order matters."""
        return self._hands_down and self.device.type == "cpu" and self._compiled is None

    def read_prompts(self, rows: list[int], prompts: list[list[int]]) -> None:
        """Reads whole prompts into empty rows."""
        if self.captured is not None and self.captured.read(rows, [0] * len(rows), prompts):
            return
        longest = max(map(len, prompts))
        ids = torch.tensor([p + [p[-1]] * (longest - len(p)) for p in prompts], device=self.device)
        self.cache.ensure(max(rows) + 1, longest)
        self.cache.for_prompts(torch.tensor(rows, device=self.device), longest)
        positions = torch.arange(longest, device=self.device).expand(len(rows), -1)
        self._reader(input_ids=ids, position_ids=positions, past_key_values=self.cache, use_cache=True)

    def read_more(self, rows: list[int], lengths: list[int], texts: list[list[int]]) -> None:
        """Appends texts of one length to rows that hold `lengths` tokens."""
        if self.captured is not None and self.captured.read(rows, lengths, texts):
            return
        count = len(texts[0])
        seen = rounded(max(lengths) + count)
        self.cache.ensure(max(rows) + 1, seen)
        packed = torch.tensor([rows, lengths], device=self.device)
        self.forward_more(torch.tensor(texts, device=self.device), packed[0], packed[1], seen)

    def step(
        self, ids: Tensor, positions: Tensor, longest: int, even: int | None, spans: Sequence[Span] = ()
    ) -> Tensor:
        """Appends tokens to each of the first rows of the cache.

        Args:
            ids: The tokens, [rows, tokens]; one each, unless some are guessed ahead.
            positions: Where the first token of each row goes, [rows].
            longest: The largest of them.
            even: The position if it is the same everywhere, else None.
            spans: How far attention has to read which rows; empty reads all alike.

        Returns:
            Logits [rows × tokens, vocabulary], float32.
        """
        count, width = ids.shape
        seen = rounded(longest + width)
        # Compiled, one place more than is seen: torch makes another form of a view that is the whole.
        self.cache.ensure(count, seen if self._compiled is None else seen + 1)
        places = positions[:, None]
        if width > 1:
            places = places + torch.arange(width, device=self.device)
        mask = self._mask(places, seen)
        if self._compiled is not None and width == 1:
            return self._compiled(ids[:, 0], positions, mask, self.cache.views)
        return self._forward(ids, places, mask, even, seen, spans)

    def forward_rows(self, ids: Tensor, positions: Tensor, seen: int) -> Tensor:
        """Does what `step` does for one token a row, in room that is there, without a look at any number."""
        places = positions[:, None]
        return self._forward(ids, places, self._mask(places, seen), None, seen)

    def forward_more(self, ids: Tensor, rows: Tensor, lengths: Tensor, seen: int) -> None:
        """Does what `read_more` does, in room that is there, without a look at any number."""
        positions = lengths[:, None] + torch.arange(ids.shape[1], device=self.device)
        self.cache.for_more(rows, positions, seen)
        self._reader(
            input_ids=ids,
            attention_mask=self._mask(positions, seen),
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
        )

    def _forward(
        self,
        ids: Tensor,
        places: Tensor,
        mask: Any,
        even: int | None,
        seen: int,
        spans: Sequence[Span] = (),
    ) -> Tensor:
        self.cache.for_step(places, even, seen)
        out = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=self.cache,
            use_cache=True,
            **({"spans": spans} if spans and self._hands_down else {}),
        )
        logits: Tensor = out.logits.flatten(0, 1).float()
        return logits

    @torch.inference_mode()
    def capture(self) -> str:
        """Makes graphs of steps and readings from here on; returns why not, "" if it does.

        They are checked against the plain forward first.
        """
        captured = Captured(self)
        if why := check(captured, self, self._allowed):
            return why
        self.captured = captured
        return ""

    @torch.inference_mode()
    def compile(self, name: str) -> float:
        """Compiles the step for every size of batch, and checks it against the uncompiled one.

        What was compiled before on this machine is found again in torch's own cache on disk.

        Args:
            name: What to call the model in an error.

        Returns:
            The seconds it took.

        Raises:
            ModelError: It cannot be compiled here, or then computes something else.
        """
        began = perf_counter()
        compiled = CompiledStep(self.model)
        most = max(FIRST_SIZES)
        positions = torch.arange(most, device=self.device) + 70
        ids = torch.arange(most, device=self.device) + 1
        # Sizes that are unlike each other, so that torch takes none for another.
        self.cache.ensure(most + 2, 200)
        for count in FIRST_SIZES:
            ours = self.step(ids[:count, None], positions[:count], 70 + most, None)
            with compiling(name):
                self._compiled = compiled
                theirs = self.step(ids[:count, None], positions[:count], 70 + most, None)
                self._compiled = None
            off = float((ours - theirs).abs().max() / ours.std().clamp(min=1e-6))
            if not off <= self._allowed:
                raise ModelError(
                    f"{name} cannot be compiled here.",
                    why=f"A batch of {count} is then off by {off:.2g} standard deviations of the logits.",
                    remedy="Load it without compile.",
                )
        self._compiled = compiled
        return perf_counter() - began

    @torch.inference_mode()
    def warm_up(self, rows: int = 8) -> None:
        """Takes a step that nobody asked for, to be timed while no row holds anything."""
        if self.captured is not None and self.captured.warm_up(rows):
            return
        ids = torch.ones(rows, dtype=torch.long, device=self.device)
        self.step(ids[:, None], torch.full_like(ids, 127), 127, 127)

    def close(self) -> None:
        """Lets go of the model and the cache."""
        del self.model, self._reader, self.cache, self._compiled, self.captured

    @property
    def _allowed(self) -> float:
        """How far two ways of computing the same may be apart, in standard deviations of the logits."""
        rounding = _ROUNDING.get(self.dtype, 0.5)
        return max(rounding, _STEPS) if quantized.rounds_activations(self.model) else rounding

    def _mask(self, positions: Tensor, seen: int) -> Any:
        """Returns what each of `positions` [rows, tokens] may attend to, in the form the model takes."""
        places = torch.arange(seen, device=self.device)
        past = (places <= positions[..., None])[:, None]
        masks = {}
        for kind, window in self._windows.items():
            allowed = past if window is None else past & (places > positions[..., None] - window)[:, None]
            if self._additive:
                blocked = torch.finfo(self.dtype).min
                allowed = torch.zeros(allowed.shape, dtype=self.dtype, device=self.device).masked_fill_(
                    ~allowed, blocked
                )
            masks[kind] = allowed
        # Models with layers of several kinds take one mask for each, all others a single one.
        return masks if len(masks) > 1 else next(iter(masks.values()))

    @torch.inference_mode()
    def _plain_forward(self) -> tuple[Tensor, list[tuple[int, int, int]]]:
        """Returns the logits of a few tokens by the model's own forward, and the shapes in its cache."""
        from transformers import DynamicCache

        past = DynamicCache(config=self.model.config)
        out = self.model(
            input_ids=torch.tensor([_PROBE], device=self.device), past_key_values=past, use_cache=True
        )
        shapes = []
        for layer in past.layers:
            keys: Any = getattr(layer, "keys", None)
            values: Any = getattr(layer, "values", None)
            if keys is None or keys.ndim != 4 or values.ndim != 4:
                raise _unforkable(self.model.config.model_type, "a layer of it keeps no keys and values")
            shapes.append((keys.shape[1], keys.shape[3], values.shape[3]))
        return out.logits[0], shapes

    @torch.inference_mode()
    def _check(self, plain: Tensor) -> None:
        """Reads the same few tokens in every way, in an uneven batch, and compares the last logits."""
        try:
            self.read_prompts([0, 1], [_PROBE[:3], _PROBE[:5]])
            self.read_more([1, 0], [5, 3], [_PROBE[5:7], _PROBE[3:5]])
            ids = torch.tensor([_PROBE[5], _PROBE[7]], device=self.device)
            positions = torch.tensor([5, 7], device=self.device)
            apart = [Span(0, 1, rounded(7)), Span(1, 2, rounded(8))]
            ours = self.step(ids[:, None], positions, 7, None, apart)
            pairs = torch.tensor([_PROBE[4:6], _PROBE[6:8]], device=self.device)
            ahead = self.step(pairs, positions - 1, 6, None)[1::2]
        except torch.OutOfMemoryError as error:
            raise ModelError(
                "The engine's cache does not fit into the memory of the device.",
                why=str(error).partition("\n")[0],
                remedy="Use fewer slots, or end what else runs on the device.",
            ) from error
        except (RuntimeError, TypeError, ValueError, KeyError, IndexError) as error:
            raise _unforkable(
                self.model.config.model_type, f"its forward fails on a prepared cache: {error}"
            ) from error
        theirs = plain[[5, 7]].float()
        off = float(
            max((found - theirs).abs().max() for found in (ours, ahead)) / theirs.std().clamp(min=1e-6)
        )
        if not off <= self._allowed:
            raise _unforkable(
                self.model.config.model_type,
                f"rows of unlike lengths run together are off by {off:.2g} standard deviations of the logits",
            )


_PROBE = [1, 2, 3, 4, 5, 6, 7, 8]


def _windows(config: Any) -> dict[str, int | None]:
    """Returns the kinds of attention layers, each with its window."""
    kinds = getattr(config, "layer_types", None)
    sliding = getattr(config, "sliding_window", None)
    if kinds is None:
        if getattr(config, "attention_chunk_size", None) is not None:
            kinds = ["chunked_attention"]
        else:
            kinds = ["full_attention" if sliding is None else "sliding_attention"]
    windows: dict[str, int | None] = {}
    for kind in kinds:
        if kind not in {"full_attention", "sliding_attention"}:
            raise _unforkable(config.model_type, f"it has layers of the kind {kind!r}")
        windows[kind] = sliding if kind == "sliding_attention" else None
    return windows


def _unforkable(model_type: str, why: str) -> ModelError:
    return ModelError(
        f"Models of the type {model_type!r} cannot run on karui's transformers engine.",
        why=f"The engine forks a cache of keys and values at every checkpoint, and {why}.",
        remedy="Serve it with vLLM or another OpenAI-compatible server and use that engine instead.",
    )
