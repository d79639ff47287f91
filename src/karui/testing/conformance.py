"""The conformance suite: what every technique has to hold, karui's own and other people's.

    from karui.testing.conformance import check

    def test_mine():
        check(MyTechnique)                       # its default parameters, and the ends of each range
        check(MyTechnique, MyTechnique(size=3))  # or just these

`check` raises an `AssertionError` that says what does not hold. Nothing here needs a model: flows are sent
invented replies, watchers see invented traces, and whole plans run on a scripted engine and are replayed over
a synthetic recording, which has to come to the same, token for token; array programs, where a technique has
any, replay it once more, to the last bit.
"""

import inspect
import json
import re
from dataclasses import is_dataclass
from pathlib import Path

from karui.core.ability import Ability
from karui.core.errors import PlanError
from karui.core.plan import Plan
from karui.core.technique import Family, Knob, Technique
from karui.testing.arrays import check_arrays
from karui.testing.flows import check_flow
from karui.testing.material import SAMPLES, TOKENS
from karui.testing.plans import check_plan
from karui.testing.watchers import check_watch

__all__ = [
    "check",
    "check_arrays",
    "check_docstring",
    "check_flow",
    "check_form",
    "check_plan",
    "check_spec",
    "check_watch",
    "examples",
]

HOOKS = ("prepare", "configure", "rewrite", "watch", "flow")


def check(kind: type[Technique], *made: Technique) -> None:
    """Checks a technique.

    Args:
        kind: The class.
        made: Instances to run; by default `examples(kind)`.

    Raises:
        AssertionError: Says what does not hold.
    """
    check_form(kind)
    made = made or examples(kind)
    assert made, f"{kind.__name__} cannot be made without parameters: pass instances to check."
    for technique in made:
        check_spec(technique)
        check_watch(technique)
        check_flow(technique)
        check_plan(Plan((technique,)))
        check_arrays(technique)


def examples(kind: type[Technique]) -> tuple[Technique, ...]:
    """Returns the technique with its defaults, and with each parameter at the ends of its range in turn.

    What asks for more than 16 traces, or cannot run, is left out; a technique with a parameter that has to
    be given has no examples.
    """
    if any(default is None for default, _ in kind.knobs().values()):
        return ()
    tried: list[dict[str, object]] = [{}]
    for name, (default, knob) in kind.knobs().items():
        whole = isinstance(default, int) and not isinstance(default, bool)
        tried += [{name: value} for value in knob.grid(2, whole=whole, length=TOKENS, recorded=SAMPLES)]
    found: dict[Technique, None] = {}
    for values in tried:
        try:
            technique = kind(**values)
        except PlanError:
            continue
        if technique.traces <= SAMPLES:
            found[technique] = None
    return tuple(found)


def check_form(kind: type[Technique]) -> None:
    """Checks the class itself: a frozen dataclass that says what it is, in a file of its name."""
    name = kind.__name__
    assert is_dataclass(kind), f"{name} is no dataclass."
    assert kind.__dataclass_params__.frozen, f"{name} is not frozen: use @dataclass(frozen=True)."
    assert isinstance(getattr(kind, "family", None), Family), f"{name} has no family."
    assert all(isinstance(a, Ability) for a in kind.needs), (
        f"{name}.needs holds something that is no Ability."
    )
    assert any(kind.changes(hook) for hook in HOOKS), f"{name} overrides none of {', '.join(HOOKS)}."
    check_docstring(kind)
    stem = Path(inspect.getfile(kind)).stem
    named = kind.name()
    assert named == stem.replace("_", "-") or ".py:" in named, (
        f"{name} calls itself {named!r}; a technique is named as its file, {stem.replace('_', '-')!r}."
    )
    for key, (default, knob) in kind.knobs().items():
        _check_knob(f"{name}.{key}", default, knob)
    if kind.changes("flow"):
        assert kind.changes("traces") or kind.changes("models"), (
            f"{name} has a flow and does not say how many `traces` it may ask for, or of which `models`."
        )


def check_docstring(kind: type[Technique]) -> None:
    """Checks that the docstring says what it does and trades away, when not to use it, and the source."""
    name, doc = kind.__name__, inspect.getdoc(kind) or ""
    first, _, rest = doc.partition("\n")
    own = kind.__dict__.get("__doc__") or ""
    # A dataclass without a docstring is given its signature for one.
    assert not own.startswith(f"{name}("), f"{name} has no docstring."
    assert first.endswith("."), f"The docstring of {name} does not begin with one line that is a sentence."
    assert rest.strip(), f"The docstring of {name} does not say what it trades away."
    assert re.search(r"\bNot\b", rest), (
        f"The docstring of {name} does not say when not to use it ('Not for …')."
    )
    assert re.search(r"arXiv\s+\d{4}\.\d{4,5}|doi|https?://", rest), (
        f"The docstring of {name} names no source: arXiv 2203.11171, a DOI or an address."
    )


def _check_knob(where: str, default: object, knob: Knob) -> None:
    assert knob.help, f"{where} has no help: knob(…, help='one line')."
    assert (knob.low is None) == (knob.high is None), f"{where} has half a range."
    if knob.low is not None and knob.high is not None:
        assert knob.low < knob.high, f"{where} has an empty range."
        assert not knob.log or knob.low > 0, f"{where} has a range in ratios that begins at {knob.low}."
        if isinstance(default, (int, float)) and not knob.per_length and not knob.share_below:
            assert knob.low <= default <= knob.high, f"{where}: the default {default} is outside its range."
    if knob.choices and default is not None:
        assert default in knob.choices, f"{where}: the default {default} is none of its choices."


def check_spec(technique: Technique) -> None:
    """Checks that the technique can be written to a file and made again, and compared by value."""
    kind = type(technique)
    values = json.loads(json.dumps(technique.spec))
    assert values.pop("technique") == technique.name(), f"The spec of {technique} does not name it."
    again = kind.from_spec(values)
    assert again == technique, f"{technique} comes back from its spec as {again}."
    assert hash(again) == hash(technique), f"Equal instances of {technique} have different hashes."
    assert Plan((again,)).id == Plan((technique,)).id, f"{technique} changes its plan's id on the way."
    assert str(technique).startswith(technique.name()), f"{technique} does not show its name."
