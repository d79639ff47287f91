"""`karui portfolio` on the models that ship with karui: within a budget, killed in the middle, resumed."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import karui
from karui import tasks
from karui.core.errors import InputError, UnknownName
from karui.recording.parts import keys
from karui.study.portfolios.file import read_portfolio

SRC = Path(karui.__file__).parents[1]
HEAD = """
out = "out"
[assume]
price_prompt = 0.5
price_output = 4.0
[budget]
tokens = {tokens}
[defaults]
samples = 1
max-tokens = 300
max-drop = 60
min-accuracy = 0
accept-truncation = true
confirm = false
concurrency = 8
workers = 1
"""
POCS = {
    "sums": ("karui-mini", "chain_sum"),
    "days": ("karui-mini", "weekday"),
    "missing": ("no-such-model", "lcm"),
    "micro": ("karui-micro", "chain_sum"),
}


def write(folder: Path, *, tokens: int, questions: int = 12, volume: int = 1000) -> Path:
    known = tasks.load("mini:test").questions
    rows = []
    for name, (model, kind) in POCS.items():
        asked = [q for q in known if q.kind == kind][:questions]
        lines = [json.dumps({"id": q.id, "question": q.text, "answer": q.reference}) for q in asked]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        rows.append(
            f'[[poc]]\nname = "{name}"\nmodel = "{model}"\nquestions = "{name}.jsonl"\n'
            f"questions-per-month = {volume}\n"
        )
    file = folder / "portfolio.toml"
    file.write_text(HEAD.format(tokens=tokens) + "\n".join(rows), encoding="utf-8")
    return file


def run(file: Path, *words: str) -> tuple[dict, str]:
    done = subprocess.run(
        command(file, *words), capture_output=True, text=True, check=False, env=surroundings()
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def command(file: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "karui", "portfolio", str(file), "--json", *words]


def surroundings() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(SRC)}


def recorded(file: Path, name: str) -> set:
    folder = file.parent / "out" / name / "recording"
    return keys(folder) if folder.exists() else set()


@pytest.mark.slow
def test_killed_in_the_middle_and_resumed(tmp_path):
    file = write(tmp_path, tokens=40_000)
    child = subprocess.Popen(
        command(file), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=surroundings()
    )
    for line in child.stderr:
        if re.search(r"days: Recording full thinking: (\d+) of", line):
            os.kill(child.pid, signal.SIGKILL)
            break
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    before = {name: recorded(file, name) for name in POCS}
    assert len(before["sums"]) == 12
    made = (tmp_path / "out" / "sums" / "study.json").stat().st_mtime_ns

    found, said = run(file)
    after = {poc["name"]: poc for poc in found["pocs"]}
    assert all(before[name] <= recorded(file, name) for name in POCS)
    assert [after[name]["state"] for name in ("sums", "days", "micro")] == ["done"] * 3
    assert (tmp_path / "out" / "sums" / "study.json").stat().st_mtime_ns == made  # it did not run again
    assert "sums: Recording" not in said
    assert after["missing"]["state"] == "failed"  # which does not stop those after it
    assert "no-such-model" in after["missing"]["failure"]
    spent = found["spent"]["tokens"]
    assert spent == pytest.approx(sum(poc["spent"]["tokens"] for poc in found["pocs"]))
    assert 0 < spent <= 40_000
    text = (tmp_path / "out" / "portfolio.html").read_text(encoding="utf-8")
    assert all(name in text for name in POCS)

    # Another volume is reckoned anew, without a model.
    write(tmp_path, tokens=40_000, volume=2000)
    again, said = run(file, "--only-page", "--lang", "ja")
    assert "Recording" not in said
    assert again["spent"]["tokens"] == spent
    saved = [{p["name"]: p["returns"] for p in each["pocs"] if p["returns"]} for each in (found, again)]
    assert saved[0]
    for name, returns in saved[0].items():
        assert saved[1][name]["saving"][1] == pytest.approx(2 * returns["saving"][1])
    assert "月間削減額" in (tmp_path / "out" / "portfolio.html").read_text(encoding="utf-8")


def test_what_the_budget_does_not_hold_is_not_begun(tmp_path):
    # A probe takes up to 5 × 300 tokens, which is more than there is: no model is even loaded.
    file = write(tmp_path, tokens=1400)
    made = karui.portfolio(file)
    assert {e.name: e.lacking for e in made.entries if e.name != "missing"} == dict.fromkeys(
        set(POCS) - {"missing"}, "tokens"
    )
    assert made.spent.tokens == 0
    assert not any(recorded(file, name) for name in POCS)


# --- the file --------------------------------------------------------------------------------------------


def test_own_assumptions_go_over_the_shared_ones_and_options_over_defaults(tmp_path):
    file = tmp_path / "p.toml"
    file.write_text(
        '[assume]\nprice_output = 2.0\ncurrency = "JPY"\n[defaults]\nmax-drop = 3.0\nsamples = 2\n'
        '[[poc]]\nname = "a"\nquestions = "a.jsonl"\nquestions-per-month = 5\n'
        '[[poc]]\nname = "b"\nquestions = "b.jsonl"\nmax-drop = 1.0\n[poc.assume]\nprice_output = 8.0\n'
    )
    a, b = read_portfolio(file).pocs
    assert (a.assumptions["price_output"], b.assumptions["price_output"]) == (2.0, 8.0)
    assert b.assumptions["currency"] == "JPY"
    assert (a.study.objective.max_drop, b.study.objective.max_drop) == (3.0, 1.0)
    assert (a.study.sampling.samples, b.study.sampling.samples) == (2, 2)
    assert a.study.output.out == tmp_path / "runs" / "portfolio" / "a"
    assert (a.stakes.questions_per_month, b.stakes.questions_per_month) == (5, None)


@pytest.mark.parametrize(
    ("text", "error", "told"),
    [
        ("", InputError, r"has no \[\[poc\]\]"),
        ('[[poc]]\nname = "a"\n[[poc]]\nname = "a"\n', InputError, "several"),
        ('[[poc]]\nname = "../a"\n', InputError, "not usable"),
        ('[[poc]]\nname = "a"\nout = "x"\n', InputError, "cannot be set"),
        ('[[poc]]\nname = "a"\nmaxdrop = 1\n', UnknownName, "max_drop"),
        ('[budgett]\n[[poc]]\nname = "a"\n', UnknownName, "budget"),
        ('[budget]\ntoken = 1\n[[poc]]\nname = "a"\n', UnknownName, "tokens"),
        ('[[poc]]\nname = "a"\nquestions-per-month = "many"\n', InputError, "wrong type"),
        (
            '[assume]\ncurrency = "EUR"\n[[poc]]\nname = "a"\n[poc.assume]\ncurrency = "JPY"\n',
            InputError,
            "in JPY, and the portfolio in EUR",
        ),
        ('[[poc]]\nname = "a"\n[poc.assume]\ncurrency = "JPY"\n', InputError, "in USD"),
    ],
)
def test_a_mistake_in_the_file_is_named_before_anything_runs(text, error, told, tmp_path):
    file = tmp_path / "p.toml"
    file.write_text(text)
    with pytest.raises(error, match=told):
        karui.portfolio(file)
