"""Reads families.toml: how released models think, written down by hand."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karui.engines.chat.markers import Start

DOES = {"itself": Start.UNDECIDED, "opened": Start.THINKING, "closed": Start.ANSWERING}
"""What a prompt leaves a model doing when the template is told nothing, by the table's words."""


@dataclass(frozen=True)
class Family:
    """How the models of one family think.

    Attributes:
        name: Of the family.
        keys: The templates that this holds for: package and name, a pattern.
        open: Begins the thinking.
        close: Ends it.
        does: One of `DOES`.
        on: What makes it think.
        off: What leaves the thinking out.
        empty: What a prompt ends with where thinking is left out; "" where it ends as usual.
        answer: The answer's own opening.
        efforts: Levels of effort.
        budget: The argument for a number of tokens.
        history: Whether earlier thinking is shown again.
        words: What the model writes, where its template shows nothing of its thinking; "" elsewhere.
        sglang: The parser that SGLang has for it, "" for none.
        vllm: The parser that vLLM has for it.
        given: What vLLM's parser is told of the request.
    """

    name: str
    keys: str
    open: str = "<think>"
    close: str = "</think>"
    does: str = "itself"
    on: str = "nothing"
    off: str = "nothing known"
    empty: str = ""
    answer: str = ""
    efforts: tuple[str, ...] = ()
    budget: str = ""
    history: bool = False
    words: str = ""
    sglang: str = ""
    vllm: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)

    def holds_for(self, key: str) -> bool:
        """Whether a template belongs to it."""
        return re.fullmatch(self.keys, key) is not None


def read_families() -> tuple[Family, ...]:
    """Returns the rows of the table."""
    rows = tomllib.loads(Path(__file__).with_name("families.toml").read_text("utf-8"))["family"]
    return tuple(Family(**{**row, "efforts": tuple(row.get("efforts", ()))}) for row in rows)
