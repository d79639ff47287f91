"""Two runs side by side: pairing by what is asked, differences that are real, rules that fail a build."""

import json
from dataclasses import replace
from math import comb
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import karui
from karui.cli.main import app
from karui.comparison.compare import NotComparable, RunComparison, compare_runs
from karui.comparison.paired import Change, paired
from karui.comparison.pairing import Match, pair
from karui.comparison.rules import Rule, broken_rules
from karui.comparison.side import Figure, Side, Unit
from karui.comparison.words import Told
from karui.core.errors import InputError, UnknownName
from karui.i18n.comparison import COMPARISON
from karui.recording.store import save
from karui.testing.synthetic import synthetic
from tests.helpers.peers import PYTHON, run_peers

LOGS = Path(__file__).with_name("logs")


def run(*words: object):
    return CliRunner().invoke(app, ["compare", *map(str, words)])


def side(right: list[float], tokens: list[float] | None = None, **changes: object) -> Side:
    """A run of questions q0, q1, … whose texts are t0, t1, …"""
    n = len(right)
    figures = {Figure.ACCURACY: np.array(right, float)}
    if tokens is not None:
        figures[Figure.TOKENS] = np.array(tokens, float)
    made = Side(
        name="run",
        model="m",
        plan="full thinking",
        ids=tuple(f"q{i}" for i in range(n)),
        texts=tuple(f"t{i}" for i in range(n)),
        references=("1",) * n,
        units=tuple(f"u{i:03}" for i in range(n)),
        figures=figures,
        counted={Figure.TOKENS: Unit.TOKENS},
    )
    return replace(made, **changes)


# --- one figure ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("won", "lost"), [(8, 0), (6, 2), (3, 3), (1, 9)])
def test_one_reply_a_question_is_mcnemars_exact_test(won, lost):
    a = np.array([0.0] * won + [1.0] * lost + [1.0])
    b = np.array([1.0] * won + [0.0] * lost + [1.0])
    n, least = won + lost, min(won, lost)
    exact = min(1.0, 2 * sum(comb(n, k) for k in range(least + 1)) / 2**n)
    assert paired(Figure.ACCURACY, a, b, 0.05).p_value == pytest.approx(exact, abs=1e-9)


def test_two_runs_alike_are_the_same_and_nothing_is_claimed():
    a = np.array([1.0, 0.0, 1.0])
    found = paired(Figure.ACCURACY, a, a, 0.05)
    assert (found.change, found.p_value, found.difference.value) == (Change.SAME, 1.0, 0.0)
    assert found.loss_high > 0.5  # three questions bound nothing


def test_fewer_tokens_are_better_and_more_are_worse():
    rng = np.random.default_rng(0)
    a = rng.gamma(4, 100, 80)
    less = paired(Figure.TOKENS, a, a * rng.uniform(0.6, 0.9, 80), 0.05)
    assert less.change is Change.BETTER
    assert less.ratio.low < 0.75 < less.ratio.high
    assert paired(Figure.TOKENS, a, a * 1.3, 0.05).change is Change.WORSE


def test_a_difference_by_chance_is_seldom_claimed():
    rng = np.random.default_rng(3)
    claimed = 0
    for _ in range(200):
        right = rng.random((2, 40)) < 0.7
        found = paired(Figure.ACCURACY, *right.astype(float), 0.05)
        claimed += found.change in {Change.BETTER, Change.WORSE}
    assert claimed <= 17  # 10 expected at most; the chance of over 17 is below 2%


def test_the_difference_it_can_detect_is_detected_four_times_in_five():
    rng = np.random.default_rng(5)
    base = rng.normal(500, 80, (300, 60))
    noise = rng.normal(0, 40, (300, 60))
    size = paired(Figure.TOKENS, base[0], base[0] + noise[0], 0.05).detectable
    told = [
        paired(Figure.TOKENS, b, b + e + size, 0.05).change for b, e in zip(base[:100], noise, strict=False)
    ]
    assert 68 <= sum(t is Change.WORSE for t in told) <= 92


# --- pairing ---------------------------------------------------------------------------------------------


def test_questions_are_paired_by_text_whatever_their_order_and_ids():
    a = side([1, 0, 1])
    b = side([1, 1, 0], texts=("t2", "t1", "t0"), ids=("x", "y", "z"))
    found = pair(a, b)
    assert found.rows.tolist() == [[0, 2], [1, 1], [2, 0]]


def test_near_identical_questions_are_one_unit():
    a = side([1, 0, 0.5, 0], units=("u1", "u1", "u2", "u3"))
    found = pair(a, side([0, 0, 0, 0]))
    assert found.units == 3
    assert found.of(a.figures[Figure.ACCURACY], 0).tolist() == [0.5, 0.5, 0]


def test_a_text_asked_twice_is_paired_once_for_each():
    a = side([1, 0, 1], texts=("t", "t", "s"))
    b = side([0, 1], texts=("t", "s"))
    found = pair(a, b)
    assert found.rows.tolist() == [[0, 0], [2, 1]]
    assert found.only == (1, 0)


def test_questions_that_are_judged_by_other_answers_are_left_out():
    found = pair(side([1, 1]), side([1, 1], references=("1", "2")))
    assert (len(found.rows), found.other_reference, found.only) == (1, 1, (0, 0))
    with pytest.raises(InputError, match="call different answers right"):
        pair(side([1]), side([1], references=("2",)))


def test_other_prompts_with_the_same_ids_are_refused_until_it_is_said():
    b = side([1, 1], texts=("other 0", "other 1"))
    with pytest.raises(InputError, match="--match id"):
        pair(side([1, 1]), b)
    assert len(pair(side([1, 1]), b, Match.ID).rows) == 2


# --- all figures -----------------------------------------------------------------------------------------


def test_every_figure_is_tested_at_its_share_of_alpha():
    found = compare_runs(side([1, 0], [5, 5]), side([1, 0], [5, 6]))
    assert {f.level for f in found.figures.values()} == {0.025}
    assert found.missing == {Figure.SECONDS: NotComparable.UNKNOWN, Figure.MEMORY: NotComparable.UNKNOWN}


def test_words_are_not_compared_with_tokens():
    found = compare_runs(side([1], [5]), side([1], [5], counted={Figure.TOKENS: Unit.WORDS}))
    assert found.missing[Figure.TOKENS] is NotComparable.COUNTED_OTHERWISE


# --- rules -----------------------------------------------------------------------------------------------


def _worse(lost: int, n: int = 60) -> RunComparison:
    b = side([0.0] * lost + [1.0] * (n - lost), [130.0 + i for i in range(n)])
    return compare_runs(side([1.0] * n, [100.0 + i for i in range(n)]), b)


@pytest.mark.parametrize(
    ("rule", "lost", "broken"),
    [
        ("accuracy", 20, True),
        ("accuracy", 2, False),
        ("accuracy:5", 20, True),
        ("accuracy:30", 20, False),
        ("unproven:2", 0, True),  # 60 questions rule out no loss of 2 points
        ("unproven:30", 0, False),
        ("tokens", 0, True),
        ("tokens:10", 0, True),
        ("tokens:50", 0, False),
        ("unpaired", 0, False),
    ],
)
def test_a_rule_fails_what_it_says(rule, lost, broken):
    assert bool(broken_rules(_worse(lost), [Rule.parse(rule)])) is broken


def test_a_question_in_one_run_only_breaks_the_rule_about_it():
    assert Rule.parse("unpaired").broken(compare_runs(side([1, 1]), side([1])))


@pytest.mark.parametrize("text", ["accuracy:much", "unproven", "unpaired:3", "tokens:-4", "tokens:nan"])
def test_a_rule_that_cannot_be_read_is_refused(text):
    with pytest.raises(InputError, match="cannot be read"):
        Rule.parse(text)


def test_a_rule_that_does_not_exist_names_the_nearest():
    with pytest.raises(UnknownName, match="tokens"):
        Rule.parse("token:3")


def test_a_rule_about_an_unknown_figure_is_refused():
    with pytest.raises(InputError, match="could not be compared"):
        Rule.parse("latency").broken(compare_runs(side([1]), side([1])))


# --- texts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_sentence_can_be_said_in_both_languages(lang):
    a = side([1.0, 0.0, 1.0, 1.0], [5, 6, 7, 8], name="a|b", chosen=True, empty=2, judge="a-judge")
    b = side([0.0, 1.0, 1.0], [5, 9, 7], name="b", model="<b>", references=("1", "1", "2"))
    rules = [Rule.parse("unpaired")]
    told = Told(compare_runs(a, b, match=Match.ID), lang, rules, rules)
    page = told.markdown()
    assert "<b>" not in page
    assert "a-judge" in page
    assert r"a\|b" in page
    assert ("不合格" if lang == "ja" else "Failed") in page
    assert len(list(told.notes())) >= 8


def test_both_languages_have_the_same_placeholders():
    import re

    for key, (english, japanese) in COMPARISON.items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", japanese)), key


# --- what people have ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    save(synthetic(60, 4), folder / "study" / "recording")
    return folder


def test_a_plan_is_compared_with_full_thinking_over_one_recording(recordings):
    path = recordings / "study" / "recording"
    done = run(path, f"{path}#self-consistency:k=4", "--fail-on", "tokens:200", "--json")
    assert done.exit_code == 1, done.output
    found = json.loads(done.stdout)
    assert found["broken"] == ["tokens:200"]
    assert found["figures"]["tokens"]["ratio"]["value"] == pytest.approx(4, rel=0.02)
    assert found["figures"]["accuracy"]["change"] in {"better", "no difference shown"}
    assert found["b"]["plan"] == "self-consistency(k=4)"


def test_a_study_stands_for_the_plan_it_chose_and_says_so(recordings):
    folder = recordings / "study"
    study = karui.choose(folder / "recording", max_drop=40.0, out=folder)
    assert study.best is not None
    found = karui.compare(f"{folder}#full", folder)
    assert found.b.chosen
    assert not found.a.chosen
    assert found.b.plan == study.choice.label
    assert found.figures[Figure.TOKENS].change is Change.BETTER
    assert "flatters" in " ".join(Told(found).notes())


def test_answers_for_a_judge_are_not_taken_for_wrong(recordings):
    found = karui.load_recording(recordings / "study" / "recording")
    asked = replace(found, manifest=replace(found.manifest, verifier="judge:pairwise"))
    with pytest.raises(InputError, match="judged by a language model"):
        karui.compare(asked, found)


def test_a_study_without_its_recording_is_refused(recordings, tmp_path):
    (tmp_path / "study.json").write_bytes((recordings / "study" / "study.json").read_bytes())
    with pytest.raises(InputError, match="not beside it"):
        karui.compare(tmp_path, tmp_path)


def _logs(tool: str, folder: Path) -> list[Path]:
    """The two logs of a tool: made now where `make peers` has installed it, else those it made before."""
    if PYTHON.exists():
        run_peers(LOGS / "make.py", tool, folder)
    else:
        folder = LOGS / tool
    pattern = "**/samples_*.jsonl" if tool == "lm-eval" else "*.eval"
    return [next((folder / name).glob(pattern)) for name in ("old", "new")]


@pytest.mark.parametrize("tool", ["lm-eval", "inspect"])
def test_logs_that_the_tools_wrote_themselves(tool, tmp_path):
    old, new = _logs(tool, tmp_path)
    found = karui.compare(old, new)
    assert (found.questions, found.only, found.other_reference) == (60, (0, 0), 0)
    told = found.figures[Figure.ACCURACY]
    assert (told.a, told.b) == (45 / 60, 42 / 60)
    lost, won = 6, 3
    exact = 2 * sum(comb(lost + won, k) for k in range(won + 1)) / 2 ** (lost + won)
    assert told.p_value == pytest.approx(exact, abs=0.015)
    assert told.change is Change.NONE_SHOWN
    assert found.figures[Figure.TOKENS].change is Change.BETTER
    assert (Figure.SECONDS in found.figures) is (tool == "inspect")


def test_a_build_fails_by_the_rule_and_the_summary_says_why(tmp_path):
    old, new = _logs("lm-eval", tmp_path)
    page = tmp_path / "summary.md"
    done = run(old, new, "--fail-on", "unproven:2", "--fail-on", "tokens", "--markdown", page, "--lang", "ja")
    assert done.exit_code == 1, done.output
    text = page.read_text(encoding="utf-8")
    assert "不合格：unproven:2" in text
    assert "tokens" not in text.partition("\n\n|")[0].partition("不合格")[2]
    assert "75.0%" in text
    assert run(old, new, "--fail-on", "accuracy", "--markdown", "-").exit_code == 0


def test_a_log_that_leaves_verdicts_open_needs_a_verifier():
    log = Path(__file__).parents[1] / "recording" / "logs" / "lm-eval"
    samples = next(log.glob("samples_*"))
    with pytest.raises(InputError, match="does not say of 6 of its 6 replies"):
        karui.compare(samples, samples)
    found = karui.compare(samples, samples, verifier="math")
    assert found.figures[Figure.ACCURACY].change is Change.SAME


def test_what_is_not_there_is_said(tmp_path):
    done = run(tmp_path / "nothing.jsonl", tmp_path / "nothing.jsonl")
    assert done.exit_code == 2
    assert "There is no" in done.output
