"""The training data as an endless, seeded stream of packed rows, written while the GPU trains.

Every example is composed anew each time its question comes up, so no thought is seen twice. Worker processes
take the shards of one seed in turn; the order of the rows does not depend on their speed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from transformers import AutoTokenizer

from recipes.mini.compose import Example, example
from recipes.mini.kinds import KINDS
from recipes.mini.questions import read_train
from recipes.mini.tokenizer import CLOSE_THINK, CLOSE_TURN, THINK, chat

IGNORED = -100
OPEN_ROWS = 24


def pieces_of(item: Example) -> list[tuple[str, bool]]:
    """Return the text of an example in pieces and, for each, whether it is trained on.

    Trained on are the thinking and the answer; not the prompt, and not a closing mark that was forced.
    """
    pieces: list[tuple[str, bool]] = [(chat(item.prompt, item.system), False)]
    if not item.thinking and not item.cut:
        pieces.append((f"{THINK}\n\n{CLOSE_THINK}\n\n", False))
    else:
        pieces.append((f"{THINK}\n{item.thinking}", True))
        pieces.append((f"\n{CLOSE_THINK}\n\n", not item.cut))
    pieces.append(("\\boxed{", not item.cut))
    pieces.append((f"{item.answer}}}{CLOSE_TURN}", True))
    return pieces


def text_of(item: Example) -> str:
    """Return the whole text of an example."""
    return "".join(text for text, _ in pieces_of(item))


def encode(tokenizer, item: Example) -> tuple[list[int], list[int]]:
    """Return the token ids of an example and, for each, 1 where it is trained on."""
    ids: list[int] = []
    learn: list[int] = []
    for text, trained in pieces_of(item):
        new = tokenizer.encode(text, add_special_tokens=False)
        ids += new
        learn += [int(trained)] * len(new)
    return ids, learn


class Rows(IterableDataset):
    """Endless packed rows of ``length + 1`` tokens; each row holds whole examples only."""

    def __init__(
        self, questions: Path, tokenizer: Path, length: int, seed: int, more: Mapping[str, float]
    ) -> None:
        """Remember where things are; each worker loads them itself."""
        self.questions, self.tokenizer, self.length, self.seed = questions, tokenizer, length, seed
        self.more = more

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield (ids, labels), labels being -100 where nothing is learnt."""
        info = get_worker_info()
        rng = Random(f"{self.seed} {info.id if info else 0}")
        by_kind = read_train(self.questions)
        names, shares = list(KINDS), [kind.share * self.more.get(n, 1.0) for n, kind in KINDS.items()]
        tokenizer = AutoTokenizer.from_pretrained(self.tokenizer).backend_tokenizer
        encoder = _Plain(tokenizer)
        pad = tokenizer.token_to_id("<|endoftext|>")
        rows: list[tuple[list[int], list[int]]] = [([], []) for _ in range(OPEN_ROWS)]
        while True:
            name = rng.choices(names, shares)[0]
            ids, learn = encode(encoder, example(rng.choice(by_kind[name]), rng))
            if len(ids) > self.length + 1:
                continue
            room = [self.length + 1 - len(row[0]) - len(ids) for row in rows]
            fitting = [index for index, left in enumerate(room) if left >= 0]
            if fitting:  # the fullest row it still fits into
                index = min(fitting, key=room.__getitem__)
            else:
                index = min(range(OPEN_ROWS), key=room.__getitem__)
                yield self._tensors(*rows[index], pad)
                rows[index] = ([], [])
            rows[index][0].extend(ids)
            rows[index][1].extend(learn)

    def _tensors(self, ids: list[int], learn: list[int], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
        missing = self.length + 1 - len(ids)
        tokens = torch.tensor(ids + [pad] * missing)
        mask = torch.tensor(learn + [0] * missing, dtype=torch.bool)
        return tokens[:-1], torch.where(mask, tokens, IGNORED)[1:]


class _Plain:
    """The bare ``tokenizers`` object behind the two arguments used here; half the time of the wrapper."""

    def __init__(self, tokenizer) -> None:
        self._tokenizer = tokenizer

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=add_special_tokens).ids


def loader(
    questions: Path,
    tokenizer: Path,
    length: int,
    rows: int,
    workers: int,
    seed: int,
    more: Mapping[str, float],
) -> DataLoader:
    """Return batches of ``rows`` packed rows, composed in ``workers`` processes.

    ``more`` says how many times as often as its share a kind is to come.
    """
    return DataLoader(
        Rows(questions, tokenizer, length, seed, more),
        batch_size=rows,
        num_workers=workers,
        prefetch_factor=8 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
