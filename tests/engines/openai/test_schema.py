"""What OpenAI-compatible servers send, and how it is read: usage, thinking, signals, errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.core.errors import EngineError, InputError, ModelError, RequestRejected
from karui.engines.openai.parsing.signals import measure
from karui.engines.openai.protocol.errors import explain, read_fault
from karui.engines.openai.protocol.schema import Token, Usage, read_chunk


@pytest.mark.parametrize(
    ("usage", "more", "found"),
    [
        ({"completion_tokens_details": {"reasoning_tokens": 5}}, {}, Usage(9, 7, None, 5)),
        ({"reasoning_tokens": 5}, {}, Usage(9, 7, None, 5)),
        ({"prompt_tokens_details": {"cached_tokens": 8}}, {}, Usage(9, 7, 8, None)),
        ({"prompt_cache_hit_tokens": 8}, {}, Usage(9, 7, 8, None)),
        ({"completion_tokens_details": None}, {"timings": {"cache_n": 4}}, Usage(9, 7, 4, None)),
    ],
)
def test_usage_by_any_name(usage, more, found):
    data = {"usage": {"prompt_tokens": 9, "completion_tokens": 7, **usage}, "choices": [], **more}
    assert read_chunk(data).usage == found


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
@pytest.mark.parametrize("part", ["message", "delta"])
def test_thinking_by_any_name(field, part):
    chunk = read_chunk({"choices": [{part: {field: "so", "content": None}, "finish_reason": None}]})
    assert (chunk.thinking, chunk.field, chunk.text, chunk.finish) == ("so", field, "", "")


def test_listed_tokens_by_either_shape():
    chat = {"content": [{"token": "?", "bytes": [195], "logprob": -0.5, "top_logprobs": [
        {"token": "b", "logprob": -9999.0}, {"token": "a", "logprob": -0.5}]}]}  # fmt: skip
    raw = {"tokens": ["x"], "token_logprobs": [-0.5], "top_logprobs": [{"a": -0.5, "b": -9999.0}]}
    one = read_chunk({"choices": [{"delta": {}, "logprobs": chat, "token_ids": [4]}]}).tokens
    other = read_chunk({"choices": [{"text": "x", "logprobs": raw, "token_ids": [4]}]}).tokens
    assert one == (Token("\ufffd", -0.5, (-0.5,), "a", 4),)
    assert other == (Token("x", -0.5, (-0.5,), "a", 4),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"error": {"message": "no", "type": "t", "param": null, "code": "c"}}', "no"),
        ('{"error": {"message": "no", "type": "NotFoundError", "code": 404}}', "no"),
        ('{"object": "error", "message": "no", "type": "t", "code": 400}', "no"),
        ('{"detail": "no"}', "no"),
        ('{"error": "no"}', "no"),
        ("<html>no\n\nway</html>", "<html>no way</html>"),
        ('["no"]', "['no']"),
    ],
)
def test_errors_in_any_shape(text, message):
    assert read_fault(text).message == message


@pytest.mark.parametrize(
    ("status", "text", "kind", "retry"),
    [
        (401, '{"error": {"message": "bad key"}}', InputError, False),
        (404, '{"error": {"message": "The model `x` does not exist."}}', ModelError, False),
        (400, '{"error": {"message": "maximum context length is 10"}}', RequestRejected, False),
        (429, "slow down", EngineError, True),
        (500, "oh", EngineError, True),
    ],
)
def test_what_an_error_becomes(status, text, kind, retry):
    error = explain(status, read_fault(text), "http://x/v1")
    assert type(error) is kind
    assert error.retry is retry


@given(st.lists(st.floats(-8, 8), min_size=25, max_size=60), st.integers(1, 20))
def test_signals_of_the_listed_are_lower_bounds(logits, listed):
    logp = np.asarray(logits) - np.logaddexp.reduce(logits)
    top = tuple(sorted(logp.tolist(), reverse=True))
    own, entropy, confidence = measure(Token("x", top[0], top[: listed + 1]), listed)
    assert own == top[0]
    assert entropy <= -(np.exp(logp) * logp).sum() + 1e-9
    assert confidence <= -np.mean(top[:20]) + 1e-9
    if listed == 20:
        assert confidence == pytest.approx(-np.mean(top[:20]))


def test_entropy_is_exact_where_everything_is_listed():
    top = tuple(math.log(p) for p in (0.7, 0.2, 0.1))
    assert measure(Token("x", top[0], top), 3)[1] == pytest.approx(-sum(math.exp(p) * p for p in top))
