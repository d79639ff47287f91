"""Cascades over sizes in bench/autotts.py: put together from what each size says, chosen and scored apart."""

from dataclasses import replace

import numpy as np
import pytest

from karui import catalog
from karui.core.prompt import Prompt
from karui.testing.synthetic import sibling, synthetic

LAST = catalog.parse("length-vote:budget=2000,scale=120,k=6 + token-cap:tokens=200")


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend("bench")
    import _autotts_cascade

    return _autotts_cascade


@pytest.fixture(scope="module")
def recordings():
    """Three sizes on the same questions, under plain samplings; small ones first."""
    main = synthetic(12, 9, seed=7, tokens=120)
    small = {"0.6B": sibling(main, seed=3, samples=8, tokens=60), "1.7B": sibling(main, seed=4, samples=9)}
    return small | {"8B": main}


def votes(bench, right, sure, flops):
    return bench.Votes(*(np.array([values], dtype=float) for values in (right, sure, flops)))


def test_an_answer_stands_where_enough_agree_and_nowhere_without_one(bench):
    small = votes(bench, [1, 0, 0, 1], [0.75, 0.75, 0.0, 0.5], [2, 2, 2, 2])
    large = votes(bench, [0, 1, 1, 0], [0.1, 0.1, 0.1, 0.0], [10, 10, 10, 10])
    passed = bench.cascaded([small, large], 0.75)
    assert passed.level.tolist() == [[0, 0, 1, 1]]
    assert passed.flops.tolist() == [[2, 2, 12, 12]]
    assert passed.right.tolist() == [[1, 0, 1, 1]]  # of the last, the large one had no answer


def test_the_oracle_stops_at_the_first_right_vote_and_the_router_pays_for_one_size(bench):
    small = votes(bench, [1, 0, 0], [1, 1, 1], [2, 2, 2])
    large = votes(bench, [1, 1, 0], [1, 1, 1], [10, 10, 10])
    oracle = bench.foreseen([small, large])
    assert oracle.right.tolist() == [[1, 1, 0]]
    assert oracle.flops.tolist() == [[2, 12, 2]]
    random = bench.dealt([small, large], [0.25, 0.75])
    assert random.right.tolist() == [[1, 0.75, 0]]
    assert random.flops.tolist() == [[8, 8, 8]]
    passed = bench.cascaded([small, small, large], 0.9)
    mix = bench.even([small, small, large], replace(passed, flops=np.array([[6.0, 2.0, 4.0]])))
    assert mix == (0.75, 0.0, 0.25)
    assert bench.dealt([small, small, large], mix).flops.mean() == 4
    dear = replace(passed, flops=np.full((1, 3), 20.0))
    assert bench.even([small, large], dear) == (0.0, 1.0)  # more than the large one costs is not spent


def test_a_size_believed_early_pays_for_its_first_traces_once(bench):
    first = votes(bench, [1, 1, 0, 0], [1, 0.5, 1, 0], [2, 2, 2, 2])
    last = votes(bench, [0, 0, 1, 1], [1, 1, 1, 1], [10, 10, 10, 1])
    early = bench.believed_early(first, last, 1.0)
    assert early.right.tolist() == [[1, 0, 0, 1]]
    assert early.flops.tolist() == [[2, 10, 2, 2]]


@pytest.mark.parametrize(
    ("chain", "tokens", "k", "share"),
    [(("0.6B",), (0,), 4, 0.75), (("0.6B", "1.7B"), (40, 0), 2, 1.0), (("1.7B",), (60,), 8, 0.5)],
)
def test_what_is_put_together_is_what_the_technique_replays(bench, recordings, chain, tokens, k, share):
    setting = bench.Setting(chain, tokens, k, share)
    field = bench.Field(recordings, LAST, runs=4)
    passed = bench.cascaded(field.levels(setting), share)
    choice = bench.Choice(tuple(recordings), setting, LAST, LAST, (), (), 0.0, 0.0)
    whole = bench.replayed(choice, recordings, runs=4)
    assert np.array_equal(whole.right, passed.right)
    assert np.allclose(whole.flops, passed.flops, rtol=1e-9)
    assert 0 < passed.level.mean() < len(chain)


def test_a_size_that_is_as_good_is_asked_alone_and_one_that_errs_is_not_believed(bench, recordings):
    """Among cascades within the margin the cheapest; a twin of the largest that costs less is the best."""
    twin = recordings["8B"]
    wrong = tuple(replace(q, verdicts=dict.fromkeys(q.verdicts, False)) for q in twin.questions)
    monkey = {"0.6B": replace(twin, questions=wrong), "1.7B": twin, "8B": twin}
    plain = bench.choose({k: longer(r) for k, r in monkey.items()}, 2)
    assert plain.setting.chain == ("1.7B",)
    assert plain.loss + plain.error <= bench.MARGIN or plain.setting.share == 1.0


def longer(recording):
    """A recording with enough traces for a vote of 64: each several times over."""
    asked = (
        replace(q, traces=tuple(replace(t, sample=n) for n, t in enumerate(q.traces * 8)))
        for q in recording.questions
    )
    manifest = replace(recording.manifest, samples=8 * recording.manifest.samples)
    return replace(recording, questions=tuple(asked), manifest=manifest)


def test_no_question_is_scored_by_what_it_chose(bench, recordings, monkeypatch):
    chosen_on = []

    def choose(rest, runs):
        chosen_on.append({q.id for q in rest["8B"].questions})
        setting = bench.Setting(("0.6B",), (0,), 2, 1.0)
        return bench.Choice(tuple(recordings), setting, LAST, LAST, (0.5, 0.5), (0.5, 0.5), 0.0, 0.0)

    monkeypatch.setattr(bench, "choose", choose)
    monkeypatch.setattr(bench, "SELF", catalog.parse("self-consistency:k=5"))
    rows, choices = bench.validated(recordings, 2, 3, folds=5)
    ids = [q.id for q in recordings["8B"].questions]
    assert len(choices) == 5
    assert all(sum(id_ not in on for on in chosen_on) == 1 for id_ in ids)
    whole = bench.scored(choices[0], recordings, 3)  # where all folds choose alike, folds change nothing
    for name, row in rows.items():
        assert np.array_equal(row.right, whole[name].right)
        assert np.array_equal(row.flops, whole[name].flops)


def test_sizes_are_laid_side_by_side_by_what_is_asked(recordings, monkeypatch):
    monkeypatch.syspath_prepend("bench")
    from _beside import together

    main = recordings["8B"]
    told = [replace(q, prompt=Prompt(f"Question {n}")) for n, q in enumerate(main.questions)]
    other = [replace(q, id=f"other-{n}") for n, q in enumerate(reversed(told[:-1]))]
    limit = replace(main.manifest.sampling, max_tokens=5)
    short = replace(main, questions=tuple(other), manifest=replace(main.manifest, sampling=limit))
    found, lost = together({"main": replace(main, questions=tuple(told)), "other": short}, "main")
    assert lost == 1
    assert [q.id for q in found["other"].questions] == [q.id for q in told[:-1]]
    assert [q.prompt for q in found["main"].questions] == [q.prompt for q in found["other"].questions]
    assert found["other"].manifest.sampling == found["main"].manifest.sampling
