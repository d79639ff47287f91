"""What a list of models says of the weights behind a name."""

from typing import Any

import pytest

from karui.engines.openai.probe.models import weights_of

_LLAMA = {"id": "m", "meta": {"n_params": 7, "size": 14, "n_ctx": 4096}}


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        ([{"id": "other", "root": "/b"}, {"id": "m", "root": "/a"}], "root=/a"),
        ([_LLAMA], "n_params=7, size=14"),
        ([{"id": "m", "meta": None}], ""),
        (["m", {"id": "other"}], ""),
        ([], ""),
    ],
)
def test_what_tells_weights_apart(listing: list[Any], said: str) -> None:
    assert weights_of(listing, "m") == said
