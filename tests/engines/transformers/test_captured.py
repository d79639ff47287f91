"""Forwards over static buffers: on a CPU they run as they are, on a GPU as graphs (bench/graphs.py)."""

import numpy as np
import pytest
import torch

from karui.engines.transformers.captured import ROWS, Captured, StaticStep, at_least
from karui.engines.transformers.network import Network
from karui.engines.transformers.sampling import draw
from tests.helpers.tiny import make_model, make_tokenizer

PROMPTS = [[5, 6, 7, 8], [9, 10, 11, 12, 13, 14], [3, 4]]


@pytest.fixture
def networks():
    """Two alike, one of which takes its steps over static buffers."""
    plain, other = (Network(make_model(make_tokenizer()), 4) for _ in range(2))
    other.captured = Captured(other)
    return plain, other


def knobs(count):
    uniforms = np.random.default_rng(1).random(count)
    temperature, top_p = np.array([0.6, 0.0, 1.0])[:count], np.array([0.9, 1.0, 0.5])[:count]
    return np.stack((uniforms, temperature, top_p)).astype(np.float32)


def drawn(network, given):
    """Takes a step as a runner does without graphs."""
    ids, lengths = (torch.from_numpy(g) for g in given)
    logits = network.step(ids[:, None], lengths, int(lengths.max()), None)
    turned = torch.from_numpy(knobs(len(ids)))
    tokens, signals = draw(logits, *turned, None, greedy=False)
    return logits, torch.cat((tokens[None].float(), signals)).numpy()


@torch.inference_mode()
def test_steps_and_readings_over_static_buffers_equal_the_plain_ones(networks):
    plain, ours = networks
    for network in networks:
        network.read_prompts([0, 1, 2], PROMPTS)
    lengths = np.array([len(p) for p in PROMPTS])
    tokens = np.array([20, 21, 22])
    for turn in range(3):
        expected, found = drawn(plain, (tokens, lengths))
        out = ours.captured.step(tokens, lengths, knobs(3))
        logits = next(s.logits for s in ours.captured._static.values() if isinstance(s, StaticStep))
        assert torch.allclose(logits[:3], expected, atol=1e-4)
        assert (out[0] == found[0]).all()
        assert np.allclose(out[1:], found[1:], atol=1e-4)
        tokens, lengths = out[0].astype(np.int64), lengths + 1
        if turn == 1:  # a fork on two of the rows, whose text is read behind their ends
            for network in networks:
                network.read_more([2, 0], lengths[[2, 0]].tolist(), [[7, 8, 9], [7, 8, 9]])
            lengths[[2, 0]] += 3


@torch.inference_mode()
def test_rows_that_fill_up_a_size_leave_resting_rows_alone(networks):
    plain, ours = networks
    for network in networks:
        network.read_prompts([0, 1, 2], PROMPTS)
    for _ in range(2):  # one row runs, two rest: a graph of one row, then one of two whose second is none
        ours.captured.step(np.array([20, 21]), np.array([4, 6]), knobs(2))
        drawn(plain, (np.array([20, 21]), np.array([4, 6])))
    ours.captured.step(np.array([20, 21, 22]), np.array([5, 7, 2]), knobs(3))  # of size four
    drawn(plain, (np.array([20, 21, 22]), np.array([5, 7, 2])))
    for mine, theirs in zip(ours.cache.views, plain.cache.views, strict=True):
        for part in range(2):
            for row, length in enumerate((6, 8, 3)):
                assert torch.allclose(mine[part][row, :, :length], theirs[part][row, :, :length], atol=1e-5)


@torch.inference_mode()
def test_what_has_been_captured_is_made_anew_when_the_cache_moves(networks):
    _, ours = networks
    ours.read_prompts([0, 1, 2], PROMPTS)
    before = ours.cache.moves
    ours.captured.step(np.array([20, 21, 22]), np.array([4, 6, 2]), knobs(3))
    made = dict(ours.captured._graphs)
    ours.captured.step(np.array([20, 21, 22]), np.array([5, 7, 3]), knobs(3))
    assert dict(ours.captured._graphs) == made
    ours.cache.ensure(4, 4 * ours.cache.length)
    assert ours.cache.moves > before
    ours.captured.step(np.array([20, 21, 22]), np.array([6, 8, 4]), knobs(3))
    assert len(ours.captured._graphs) == 1


def test_what_is_larger_than_any_size_is_not_captured(networks):
    _, ours = networks
    assert at_least(3, (1, 2, 4)) == 4
    assert at_least(5, (1, 2, 4)) == 0
    assert (
        ours.captured.step(np.zeros(max(ROWS) + 1, np.int64), np.zeros(max(ROWS) + 1, np.int64), knobs(1))
        is None
    )
    assert not ours.captured.read([0], [0], [[1] * 513])
    ours.warm_up(3)  # what is timed is what will run
    assert [key[:2] for key in ours.captured._graphs] == [("step", 4)]


def test_a_border_of_top_p_beyond_the_head_is_found_without_a_graph(networks, monkeypatch):
    plain, ours = networks
    monkeypatch.setattr("karui.engines.transformers.captured.HEAD", 2)
    monkeypatch.setattr("karui.engines.transformers.sampling.HEAD", 2)
    with torch.inference_mode():
        for network in networks:
            network.read_prompts([0, 1, 2], PROMPTS)
        _, found = drawn(plain, (np.array([20, 21, 22]), np.array([4, 6, 2])))
        out = ours.captured.step(np.array([20, 21, 22]), np.array([4, 6, 2]), knobs(3))
    assert (out[0] == found[0]).all()
