"""Replay by blocks of questions comes to what replay of the whole comes to, to the last bit."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from karui import catalog
from karui.core.errors import KaruiError, NotRecorded
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study.choice import Rejected
from karui.recording import store
from karui.recording.blocks.reader import BlockSize
from karui.runners import outcome_store
from karui.runners.outcome_columns import OutcomeColumns
from karui.runners.outcome_store import OutcomeStore, Packed, StoredOutcomes
from karui.runners.replay import Replay, replay_all
from karui.runners.spread import Processes
from karui.selection.evidence import Evidence
from karui.study.steps import space_of
from karui.testing.alike import differences
from karui.testing.synthetic import sibling, synthetic

MADE = synthetic(14, 4, seed=3, tokens=120)
SMALL = sibling(MADE, samples=3)
SPACE = space_of({"main": MADE}).plans
PLANS = SPACE[:: len(SPACE) // 24]
CASCADE = catalog.parse("cascade:model=small,threshold=0.7")


def saved(folder: Path, made: Recording = MADE) -> Path:
    store.save(made, folder, level=1)
    return folder


def outcomes(replay: Replay, plans: tuple[Plan, ...] = PLANS, **options) -> list[Outcomes]:
    return list(replay_all(replay, plans, **options))


@pytest.mark.parametrize(("traces", "processes"), [(1, 1), (9, 1), (9, 2), (1000, 1)])
def test_blocks_of_any_size_come_to_the_same(tmp_path: Path, traces: int, processes: int) -> None:
    blocks = store.load(saved(tmp_path / "r"), blocks=BlockSize(traces))
    found = outcomes(Replay({"main": blocks}, runs=3), processes=processes)
    whole = outcomes(Replay({"main": MADE}, runs=3))
    assert [differences(a, b) for a, b in zip(found, whole, strict=True)] == [[]] * len(PLANS)
    assert all(isinstance(o, StoredOutcomes) and o.plan == p for o, p in zip(found, PLANS, strict=True))
    assert not any(isinstance(o, StoredOutcomes) for o in whole)


def test_stepwise_too(tmp_path: Path) -> None:
    blocks = store.load(saved(tmp_path / "r"), blocks=BlockSize(9))
    plans = PLANS[::6]
    found = outcomes(Replay({"main": blocks}, runs=2, stepwise=True), plans)
    whole = outcomes(Replay({"main": MADE}, runs=2, stepwise=True), plans)
    assert [differences(a, b) for a, b in zip(found, whole, strict=True)] == [[]] * len(plans)


def test_questions_with_fewer_traces_are_padded_over_all_blocks(tmp_path: Path) -> None:
    uneven = replace(
        MADE,
        questions=tuple(replace(q, traces=q.traces[: 2 + (n > 9) * 2]) for n, q in enumerate(MADE.questions)),
    )
    blocks = store.load(saved(tmp_path / "r", uneven), blocks=BlockSize(4))
    plans = (Plan(), catalog.parse("token-budget:tokens=60"), catalog.parse("self-consistency:k=2"))
    found = outcomes(Replay({"main": blocks}, runs=2), plans)
    whole = outcomes(Replay({"main": uneven}, runs=2), plans)
    assert [differences(a, b) for a, b in zip(found, whole, strict=True)] == [[]] * 3
    assert np.isnan(found[0].correct[0]).tolist() == [False, False, True, True]


@pytest.mark.parametrize("small", [1, 1000])
def test_two_models_each_read_by_blocks_of_its_own(tmp_path: Path, small: int) -> None:
    main = store.load(saved(tmp_path / "main"), blocks=BlockSize(9))
    other = store.load(saved(tmp_path / "small", SMALL), blocks=BlockSize(small))
    found = outcomes(Replay({"main": main, "small": other}, runs=2), (Plan(), CASCADE))
    whole = outcomes(Replay({"main": MADE, "small": SMALL}, runs=2), (Plan(), CASCADE))
    assert [differences(a, b) for a, b in zip(found, whole, strict=True)] == [[], []]
    assert set(found[1].bills) == {"main", "small"}


def test_plans_that_cannot_be_replayed_are_named_and_the_others_go_on(tmp_path: Path) -> None:
    blocks = store.load(saved(tmp_path / "r"), blocks=BlockSize(9))
    plans = (Plan(), catalog.parse("self-consistency:k=9"), CASCADE, catalog.parse("self-consistency:k=2"))
    refused: list[Rejected] = []
    found = outcomes(Replay({"main": blocks}), plans, on_refused=refused.append)
    assert [o.plan for o in found] == [plans[0], plans[3]]
    expected: list[Rejected] = []
    outcomes(Replay({"main": MADE}), plans, on_refused=expected.append)
    assert refused == expected
    with pytest.raises(NotRecorded, match="9 traces a question"):
        outcomes(Replay({"main": blocks}), plans)


def test_what_only_a_trace_shows_is_found_too(tmp_path: Path) -> None:
    """A trial that is missing at one checkpoint of a late question."""
    late = MADE.questions[-1]
    torn = replace(
        late.traces[0], checkpoints=tuple(replace(m, trial=None) for m in late.traces[0].checkpoints)
    )
    holed = replace(MADE, questions=(*MADE.questions[:-1], replace(late, traces=(torn, *late.traces[1:]))))
    blocks = store.load(saved(tmp_path / "r", holed), blocks=BlockSize(9))
    plans = (Plan(), catalog.parse("trial-confidence:threshold=0.9"))
    told = []
    for recording in (blocks, holed):
        refused: list[Rejected] = []
        outcomes(Replay({"main": recording}), plans, on_refused=refused.append)
        told.append(refused)
        with pytest.raises(KaruiError):
            outcomes(Replay({"main": recording}), plans)
    assert told[0] == told[1]
    assert [r.plan for r in told[0]] == [plans[1].id]


class Elsewhere:
    """Does shares as another machine would: from their pickles."""

    width = 40

    def __init__(self) -> None:
        self.sent: list[int] = []

    def each(self, shares, count):
        for number in reversed(range(count)):
            content = pickle.dumps(shares(number))
            self.sent.append(len(content))
            yield number, pickle.loads(pickle.dumps(pickle.loads(content)()))


def test_plans_and_blocks_are_spread(tmp_path: Path) -> None:
    blocks = store.load(saved(tmp_path / "r"), blocks=BlockSize(30))
    elsewhere, told = Elsewhere(), []
    found = outcomes(
        Replay({"main": blocks}, runs=3), spread=elsewhere, on_progress=lambda *now: told.append(now)
    )
    whole = outcomes(Replay({"main": MADE}, runs=3))
    assert [differences(a, b) for a, b in zip(found, whole, strict=True)] == [[]] * len(PLANS)
    assert len(elsewhere.sent) > 2  # plans are divided, where blocks are few
    assert max(elsewhere.sent) < 10_000  # traces are read where they are replayed
    assert told[-1] == (len(PLANS), len(PLANS))


def test_a_recording_in_memory_is_spread_as_well() -> None:
    found = outcomes(Replay({"main": MADE}, runs=3), spread=Elsewhere())
    whole = outcomes(Replay({"main": MADE}, runs=3))
    assert [differences(a, b) for a, b in zip(found, whole, strict=True)] == [[]] * len(PLANS)


@pytest.mark.parametrize("width", [1, 2, 9])
def test_processes_do_every_share_once(width: int) -> None:
    done = sorted(Processes(width).each(lambda n: lambda: n * n, 5))
    assert done == [(n, n * n) for n in range(5)]


def test_stored_arrays_are_kept_as_far_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    [whole] = outcomes(Replay({"main": MADE}, runs=2), (Plan(),))
    kept = OutcomeStore([len(MADE.questions)])
    kept.put(0, 7, Packed.of(OutcomeColumns.of(whole)))
    key = ("columns", "correct")
    assert np.array_equal(kept.array(7, key), whole.correct)
    assert kept.array(7, key) is kept.array(7, key)
    monkeypatch.setattr(outcome_store, "_KEPT_BYTES", 1)
    first = kept.array(7, key)
    kept.array(7, ("columns", "time"))
    assert kept.array(7, key) is not first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 1


def test_blocks_come_in_any_order_and_their_arrays_too() -> None:
    [whole] = outcomes(Replay({"main": MADE}, runs=2), (Plan(),))
    columns = OutcomeColumns.of(whole)
    kept = OutcomeStore([5, len(MADE.questions) - 5])
    for block, rows in ((1, slice(5, None)), (0, slice(0, 5))):
        part = Packed.of(
            OutcomeColumns(
                *({n: a[rows] for n, a in group.items()} for group in (columns.columns, columns.bills)),
                *({n: a[rows] for n, a in group.items()} for group in (columns.held, columns.busy)),
            )
        )
        kept.put(block, 3, Packed(dict(sorted(part.arrays.items(), reverse=block == 0))))
    assert kept.keys(3)
    for name in ("correct", "time"):
        assert np.array_equal(kept.array(3, ("columns", name)), getattr(whole, name))
    assert np.array_equal(kept.array(3, ("bills", "main")), whole.bills["main"])
    assert np.array_equal(kept.array(3, ("spent", "main")), whole.spent("main"))


def test_stored_outcomes_have_what_outcomes_have(tmp_path: Path) -> None:
    blocks = store.load(saved(tmp_path / "r"), blocks=BlockSize(9))
    [found] = outcomes(Replay({"main": blocks}, runs=2), (Plan(),))
    [whole] = outcomes(Replay({"main": MADE}, runs=2), (Plan(),))
    for name in Outcomes.__dataclass_fields__:
        assert hasattr(found, name), name
    assert (found.tokens == whole.tokens).all()
    assert np.array_equal(found.spent("main"), whole.spent("main"))
    assert (found.live, found.errors, found.seconds.size) == (False, 0, 0)
    with pytest.raises(AttributeError):
        _ = found.nothing_of_the_kind


def test_each_array_is_read_once_to_measure_and_compare_a_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = store.load(saved(tmp_path / "r"), blocks=BlockSize(9))
    read: list[tuple[int, tuple[str, str]]] = []
    reading = OutcomeStore._read

    def counted(kept: OutcomeStore, plan: int, key: tuple[str, str]) -> np.ndarray:
        read.append((plan, key))
        return reading(kept, plan, key)

    monkeypatch.setattr(OutcomeStore, "_read", counted)
    plans, told = PLANS[:8], []
    for recording in (blocks, MADE):
        found = {o.plan.id: o for o in outcomes(Replay({"main": recording}, runs=2), plans)}
        evidence = Evidence({}, found, plans[0].id)
        told.append((evidence.measured, evidence.compared))
    assert repr(told[0]) == repr(told[1])  # NaN is no number that equals itself
    assert len(set(read)) == len(read) > 0
    assert not any(group == "bills" for _, (group, _) in read)  # their sums are all that is asked for
