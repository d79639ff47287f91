"""Rows of unlike lengths: sorted by groups, and each group read only as far as it goes."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from karui.engines.batching.runner import SamplingBatch
from karui.engines.transformers.network import Network
from karui.engines.transformers.runner import TorchRunner
from karui.engines.transformers.spans import GROUP, Span, misplaced, spans_of
from tests.helpers import tiny

lengths = st.lists(st.integers(1, 2000), min_size=1, max_size=100).map(np.array)


def read(rows):
    return sum((s.end - s.first) * s.seen for s in spans_of(rows))


@given(lengths)
def test_spans_cover_every_row_as_far_as_it_goes(rows):
    spans = spans_of(rows)
    assert [s.first for s in spans] == [0, *(s.end for s in spans[:-1])]
    assert spans[-1].end == len(rows)
    assert all(rows[s.first : s.end].max() <= s.seen < rows[s.first : s.end].max() + 64 for s in spans)
    assert all(a.seen != b.seen for a, b in pairwise(spans))


@given(lengths)
def test_moving_sorts_the_groups_and_is_not_repeated(rows):
    sources, targets = misplaced(rows)
    assert sorted(sources) == sorted(targets)
    rows = rows.copy()
    rows[targets] = rows[sources]
    groups = [rows[at : at + GROUP] for at in range(0, len(rows), GROUP)]
    if len(sources):
        assert all(a.min() >= b.max() for a, b in pairwise(groups))
    assert not len(misplaced(rows)[0])


def test_a_few_rows_are_left_where_they_are():
    assert not len(misplaced(np.arange(1, GROUP + 1))[0])
    assert spans_of(np.array([3, 70])) == [Span(0, 2, 128)]


@pytest.fixture(scope="module")
def network():
    return Network(tiny.make_model(tiny.make_tokenizer()), 2 * GROUP)


def drawn(network, prompts, steps=4):
    """Returns what greedy steps draw after each prompt, and how sure they are."""
    runner = TorchRunner(network)
    slots = np.arange(len(prompts))
    for slot, prompt in zip(slots.tolist(), prompts, strict=True):
        runner.allocate(slot)
        runner.prefill([slot], [prompt[:-1]])
    tokens, at = np.array([p[-1] for p in prompts]), np.array([len(p) - 1 for p in prompts])
    zeros = np.zeros(len(prompts))
    said, sure = [], []
    for _ in range(steps):
        draws = SamplingBatch(uniforms=zeros, temperature=zeros, top_p=zeros + 1, top_k=zeros)
        tokens, signals = runner.step(slots, tokens, at, draws)
        at = at + 1
        said.append(tokens)
        sure.append(signals[0])
    for slot in slots.tolist():
        runner.free(slot)
    return np.array(said), np.array(sure)


def test_rows_that_are_moved_and_read_in_groups_write_what_they_write_alone(network):
    rng = np.random.default_rng(0)
    sizes = rng.permutation(np.linspace(2, 180, 2 * GROUP + 5).astype(int))
    prompts = [rng.integers(1, network.vocabulary, n).tolist() for n in sizes]
    assert network.spanned
    together, sure = drawn(network, prompts)
    for row in (0, int(sizes.argmax()), int(sizes.argmin()), len(sizes) - 1):
        alone, alone_sure = drawn(network, [prompts[row]])
        assert together[:, row].tolist() == alone[:, 0].tolist()
        assert sure[:, row] == pytest.approx(alone_sure[:, 0], abs=1e-4)


def test_a_row_that_rests_stays_among_those_that_go_on_and_keeps_what_it_holds(network, monkeypatch):
    rng = np.random.default_rng(1)
    prompts = [rng.integers(1, network.vocabulary, n).tolist() for n in (9, 30, 12, 7, 20, 11, 8, 15, 10, 6)]
    alone, alone_sure = drawn(network, [prompts[3]], steps=1)
    runner = TorchRunner(network)
    for slot, prompt in enumerate(prompts):
        runner.allocate(slot)
        runner.prefill([slot], [prompt[:-1]])
    going = np.array([s for s in range(len(prompts)) if s != 3])
    others = [prompts[s] for s in going]
    tokens, at = np.array([p[-1] for p in others]), np.array([len(p) - 1 for p in others])
    zeros = np.zeros(len(going))
    with monkeypatch.context() as patch:
        patch.setattr(network.cache, "copy", lambda *_: pytest.fail("a row was moved"))
        for _ in range(3):
            tokens, _ = runner.step(going, tokens, at, SamplingBatch(zeros, zeros, zeros + 1, zeros))
            at = at + 1
    zeros = np.zeros(1)
    said, sure = runner.step(
        np.array([3]),
        np.array(prompts[3][-1:]),
        np.array([len(prompts[3]) - 1]),
        SamplingBatch(zeros, zeros, zeros + 1, zeros),
    )
    assert said.tolist() == alone[0].tolist()
    assert sure[0] == pytest.approx(alone_sure[0], abs=1e-4)


@torch.inference_mode()
def test_a_group_does_not_see_what_lies_behind_its_span(network):
    """Leftovers there would be seen if spans did not reach attention: they are masked, and not read."""
    ids, at = torch.ones(2, 1, dtype=torch.long), torch.tensor([100, 10])
    whole = network.step(ids, at, 100, None)
    spans = [Span(0, 1, 128), Span(1, 2, 64)]
    assert torch.allclose(whole, network.step(ids, at, 100, None, spans), atol=1e-5)
    short = [Span(0, 1, 64), Span(1, 2, 64)]
    assert not torch.allclose(whole, network.step(ids, at, 100, None, short), atol=1e-5)
