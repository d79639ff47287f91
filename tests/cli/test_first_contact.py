"""The first ten minutes with karui, as a story: what a newcomer tries, and what it says.

Each of these was tried by hand first, on what karui was before; how it ended then stands in the docstrings.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from karui.cli.console import say
from karui.cli.main import app
from karui.core.question import Question, Task
from karui.core.study.choice import Rule
from karui.i18n.report import LANGUAGES, TABLE
from karui.recording.growth import Arranged
from karui.recording.store import save
from karui.selection.evidence import split
from karui.study.data_split import part
from karui.study.prospects import Division, Planned, planned_parts, prospects
from karui.tasks.verifiers.exact import Exact
from karui.testing.synthetic import synthetic
from tests.helpers.replies import recorded, reply

FIX, REFUSED = 4, 2
QUICK = ("--samples", "1", "--max-tokens", "512", "--threads", "1", "--concurrency", "8")
OPTIONS = "\n(A) one\n(B) two\n(C) three\n(D) four"


def karui(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words])


def questions(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def kept(folder: Path, made: object) -> Path:
    save(made, folder)
    return folder


def first_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0]


# -- Three questions of one's own, and how many would do ---------------------------------------------------


def test_what_so_many_questions_can_show_comes_before_the_model(tmp_path: Path) -> None:
    """It was: a minute of recording, then "token-budget(tokens=26) may ask for 1 traces …"."""
    file = questions(
        tmp_path / "q.jsonl", [{"question": f"{n} + 1?", "answer": str(n + 1)} for n in range(3)]
    )
    done = karui("poc", "--model", tmp_path / "no-model-yet", "--questions", file, "--out", tmp_path / "out")
    assert done.exit_code == REFUSED
    before, _, after = done.output.partition("Error")
    assert "3 questions × 4 traces" in before
    for row in ("picture", "live confirmation", "certificate"):
        assert f"− {row}" in before
    assert "no-model-yet" in after


@pytest.mark.parametrize("n", [1, 2, 3, 5, 10, 30])
def test_every_number_of_questions_ends_in_a_picture(n: int, tmp_path: Path) -> None:
    done = karui("choose", kept(tmp_path / "r", synthetic(n, 4, truncated=0)), "--out", tmp_path / "c")
    assert done.exit_code == 0, done.output
    choice = json.loads((tmp_path / "c" / "choice.json").read_text())
    assert choice["questions"] + choice["pilot_questions"] == n
    assert choice["decision"] == "collect"
    assert "Collect more questions; full thinking stays" in done.output
    study = json.loads((tmp_path / "c" / "study.json").read_text())
    assert len(study["plans"]) > 100  # the picture: every plan over these questions
    assert (tmp_path / "c" / "report.html").stat().st_size > 10_000
    assert "no --pilot" not in done.output


def test_a_run_that_was_stopped_is_chosen_from_as_far_as_it_came(tmp_path: Path) -> None:
    """It was: a plan may ask for 1 traces a question; 0 are recorded."""
    made = synthetic(40, 2, truncated=0)
    cut = [q if n < 25 else replace(q, traces=()) for n, q in enumerate(made.questions)]
    done = karui("choose", kept(tmp_path / "r", replace(made, questions=tuple(cut))), "--out", tmp_path / "c")
    assert done.exit_code == 0, done.output
    assert "15 of 40 questions have no trace yet" in done.output
    none = replace(made, questions=tuple(replace(q, traces=()) for q in made.questions))
    done = karui("choose", kept(tmp_path / "none", none), "--out", tmp_path / "c")
    assert done.exit_code == REFUSED
    assert "holds no traces yet" in done.output


def test_the_numbers_of_the_block_are_those_of_the_study() -> None:
    division = Division()

    def shown(questions: int, samples: int = 4, rule: Rule = Rule()) -> str:  # noqa: B008 - frozen
        held = division.held(questions)
        tests, pilot = division.tested(questions - held), division.piloted(questions - held)
        planned = Planned(division=division, tests=tests, pilot=pilot, held=held, units=tests)
        return "\n".join(prospects(planned, samples, rule))

    assert "takes 280 questions" in shown(20)
    assert "15 to test plans on, 5 to choose their order" in shown(20)
    # With as many as it says are needed, each of them is there.
    for row, least in (("picture", 32), ("live confirmation", 48), ("certificate", 280)):
        assert f"− {row}" in shown(least - 1), row
        assert f"+ {row}" in shown(least), row
    assert "larger --max-drop" in shown(20)
    assert "More traces" not in shown(20, samples=1)
    assert "at most 10 points" in shown(20, rule=Rule(margin=0.1))


def test_the_forecast_is_the_split_that_follows() -> None:
    def asked(n: int, group: str = "") -> Task:
        rows = (
            Question(f"line{k}", f"Question {k} about {chr(97 + k % 26)}{chr(97 + k // 26)}", "1", Exact(),
                     group=group and f"{group}{k % 9}")
            for k in range(n)
        )  # fmt: skip
        return Task("asked", tuple(rows))

    for task in (asked(150), asked(90, "customer "), asked(12, "one")):
        recording = synthetic(len(task.questions), 1)
        rows = tuple(
            replace(q, id=t.id, prompt=task.prompt(t), reference=t.reference, kind="", group=t.group)
            for q, t in zip(recording.questions, task.questions, strict=True)
        )
        same = replace(recording, questions=rows)
        planned = planned_parts(Arranged(task), 0, Division())
        pilot, test = split(same)
        assert (planned.pilot, planned.tests) == (len(pilot.questions), len(test.questions))
        learning = planned_parts(Arranged(task), 0, Division(learning=True))
        parts = part(same, None, 0)
        found = (len(parts.trained.questions), parts.pilot, parts.test)
        assert (learning.trained, learning.pilot, learning.tests) == found


def test_the_block_says_what_is_new_and_what_groups_leave() -> None:
    rows = tuple(Question(f"line{k}", f"What is {k}?", "1", Exact(), group="one customer") for k in range(40))
    lines = prospects(planned_parts(Arranged(Task("asked", rows)), 0, Division()), 4, Rule())
    assert lines[0].endswith("0 to test plans on, 40 to choose their order.")
    assert lines[1].strip().startswith("None falls in the test")
    batches = {q.id: int(n >= 30) for n, q in enumerate(rows)}
    grown = planned_parts(Arranged(Task("asked", rows), batches, grown=True), 0, Division())
    assert grown.before == 30
    assert "40 questions (10 of them new) × 4 traces" in prospects(grown, 4, Rule())[0]


def test_one_trace_that_would_agree_with_itself_is_refused_before_the_model(tmp_path: Path) -> None:
    file = questions(tmp_path / "q.jsonl", [{"question": f"{n} + 1?"} for n in range(3)])
    options = ("--reference", "self", "--samples", "1", "--out", tmp_path / "out")
    done = karui("record", "--model", tmp_path / "no-model", "--questions", file, *options)
    assert done.exit_code == REFUSED
    assert "--reference self takes 2 traces of each question at least" in done.output


# -- Twenty sums that the model cannot do ------------------------------------------------------------------


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("sums")
    rows = [
        {"question": f"What is {3 * n + 4} + {2 * n + 15}?", "answer": str(5 * n + 19)} for n in range(12)
    ]
    file = questions(folder / "sums.jsonl", rows)
    return karui("poc", "--questions", file, *QUICK, "--out", folder / "out"), folder


def test_karui_mini_on_sums_is_told_to_fix_the_baseline(sums: tuple[Result, Path]) -> None:
    """It was: "Collect more questions … saves 86% of tokens", with exit code 0 and 0 of 20 right."""
    done, folder = sums
    assert done.exit_code == FIX, done.output
    before, _, after = done.output.partition("Loading the model")
    assert "karui-mini is a demonstration" in before
    assert "Fix the baseline" in after
    assert "saves" not in after
    assert "1. karui-mini ships with karui" in after
    assert after.count("- Question:") == 3
    assert after.count("Reference:") == 3
    assert "Name your own model" in after
    choice = json.loads((folder / "out" / "choice.json").read_text())
    assert (choice["decision"], choice["spec"], choice["tested"], choice["candidate"]) == (
        "fix",
        [],
        [],
        None,
    )
    assert not (folder / "out" / "expectation.json").exists()


def test_its_report_says_so_in_every_form_and_language(sums: tuple[Result, Path]) -> None:
    _, folder = sums
    for lang in LANGUAGES:
        written = karui("report", folder / "out", "--lang", lang, "--out", folder / lang)
        assert written.exit_code == 0, written.output
        title = TABLE["fix"][LANGUAGES.index(lang)]
        reason = TABLE["cure_embedded"][LANGUAGES.index(lang)]
        assert first_line(folder / lang / "report.md").startswith(f"# ⚠ {title}")
        assert reason in (folder / lang / "report.html").read_text(encoding="utf-8")
        report = json.loads((folder / lang / "report.json").read_text(encoding="utf-8"))
        assert report["derived"]["decision"]["name"] == "fix"
        assert report["derived"]["savings"] == {}
        assert report["choice"]["failure"]["reasons"][0]["code"] == "embedded"


def test_recording_them_alone_says_so_too(sums: tuple[Result, Path], tmp_path: Path) -> None:
    _, folder = sums
    words = ("record", "--questions", folder / "sums.jsonl", *QUICK, "--out", folder / "out" / "recording")
    done = karui(*words)
    assert done.exit_code == FIX, done.output
    assert "Fix the baseline" in done.output
    assert karui(*words, "--min-accuracy", "0").exit_code == 0


def test_whoever_wants_it_goes_on(sums: tuple[Result, Path], tmp_path: Path) -> None:
    _, folder = sums
    recording = folder / "out" / "recording"
    assert karui("choose", recording, "--out", tmp_path).exit_code == FIX
    more = ("--min-accuracy", "0", "--accept-truncation")
    done = karui("choose", recording, *more, "--out", tmp_path)
    assert done.exit_code == 0, done.output


# -- Other baselines that fail -----------------------------------------------------------------------------


def test_a_multiple_choice_answered_by_chance(tmp_path: Path) -> None:
    """It was: a plan that saves nine tenths, "certified", since there was nothing to lose."""
    said = "ABCD" * 20
    asked = [(f"{n}. Which?{OPTIONS}", "ADBC"[n // 7 % 4], [f"Answer: {a}"]) for n, a in enumerate(said)]
    made = recorded(asked, spec="choice")
    done = karui("choose", kept(tmp_path / "r", made), "--out", tmp_path / "c")
    assert done.exit_code == FIX, done.output
    assert "guessing would get 25%" in done.output
    assert "no more often than guesses" in done.output


def test_a_verifier_that_reads_nothing_is_the_first_reason(tmp_path: Path) -> None:
    asked = [(f"Question {n}?", str(n + 20), [f"The result: {n + 20}"] * 2) for n in range(15)]
    done = karui("choose", kept(tmp_path / "r", recorded(asked, spec="choice")), "--out", tmp_path / "c")
    assert done.exit_code == FIX, done.output
    assert "1. The reference occurs in 30 of 30 replies" in done.output
    assert "in the column verifier" in done.output


def test_a_limit_that_cuts_everything_is_the_first_reason(tmp_path: Path) -> None:
    cut = reply("", thinking="and then I look at it again " * 40, thought=512, cut=True)
    asked = [(f"Question {n}?", str(n + 20), [cut]) for n in range(15)]
    done = karui("choose", kept(tmp_path / "r", recorded(asked)), "--out", tmp_path / "c")
    assert done.exit_code == FIX, done.output
    assert "1. The limit of 512 tokens cut 15 of 15 replies" in done.output
    assert "--max-tokens" in done.output


# -- Thinking that is not there ----------------------------------------------------------------------------


def silent(folder: Path) -> Path:
    asked = [
        (f"Question {n}?", str(n), [reply(f"\\boxed{{{n}}}", thinking="", thought=0)] * 2) for n in range(30)
    ]
    return kept(folder, recorded(asked))


def test_full_thinking_without_thinking_is_refused(tmp_path: Path) -> None:
    """It was: a study of a model that nobody had switched to thinking, without a word about it."""
    done = karui("choose", silent(tmp_path / "r"), "--out", tmp_path / "c")
    assert done.exit_code == REFUSED
    assert "60 of 60 replies of my-model hold no thinking" in done.output
    assert "--accept-no-thinking" in done.output
    assert not (tmp_path / "c").exists()


def test_a_model_without_markers_is_only_warned_of(tmp_path: Path) -> None:
    asked = [
        (f"Question {n}?", str(n), [reply(f"\\boxed{{{n}}}", thinking="", thought=0)] * 2) for n in range(30)
    ]
    made = recorded(asked, suffix="\n\nThe final answer is \\boxed{")
    done = karui("choose", kept(tmp_path / "r", made), "--out", tmp_path / "c")
    assert done.exit_code == 0, done.output
    assert "Warning: 60 of 60 replies begin with their answer" in done.output


@pytest.mark.parametrize("lang", LANGUAGES)
def test_accepted_it_stands_in_the_first_line(lang: str, tmp_path: Path) -> None:
    recording = silent(tmp_path / "r")
    done = karui("choose", recording, "--accept-no-thinking", "--lang", lang, "--out", tmp_path / "c")
    assert done.exit_code == 0, done.output
    notice = TABLE["no_thinking_accepted"][LANGUAGES.index(lang)]
    said = done.output.replace("== Replaying every plan\n", "").lstrip()
    assert said.partition("\n\n")[2].startswith(notice) or notice in said
    assert said.index(notice) < said.index("Collect more questions")
    assert notice in first_line(tmp_path / "c" / "report.md")
    html = (tmp_path / "c" / "report.html").read_text(encoding="utf-8")
    assert html.index(notice) < html.index(TABLE["kicker"][LANGUAGES.index(lang)])
    values = json.loads((tmp_path / "c" / "report.json").read_text(encoding="utf-8"))
    assert next(iter(values)) == "notice"
    assert values["manifest"]["no_thinking_accepted"]


# -- Words that cannot be read, files that are not what they seem ------------------------------------------


def test_files_as_newcomers_write_them(tmp_path: Path) -> None:
    def said(name: str, text: str, *more: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        done = karui("poc", "--model", tmp_path / "none", "--questions", tmp_path / name, *more)
        assert done.exit_code == REFUSED, done.output
        return done.output

    fine = ("The model folder", "2 questions × 4 traces")
    good = '{"question": "1+1?", "answer": "2"}\n{"question": "2+2?", "answer": "4"}\n'
    for name, text in {
        "good.jsonl": good,
        "good.csv": "question,answer\n1+1?,2\n2+2?,4\n",
        "semicolon.csv": "question;answer\n1+1?;2\n2+2?;4\n",
        "japanese.csv": "question,answer,system\n日本の首都は？,東京,短く答えて。\n1円玉5枚でいくら？,5円,\n",
        "bom.csv": "\ufeffquestion,answer\n1+1?,2\n2+2?,4\n",
    }.items():
        shown = said(name, text)
        assert all(part in shown for part in fine), (name, shown)
    for name, text, told in (
        ("empty.jsonl", "", "is empty"),
        ("blank.csv", "question,answer\n", "has no questions"),
        ("list.json", "[]", ".jsonl file"),
        ("columns.csv", "frage,antwort\n1+1?,2\n", "no column 'question'"),
        ("twice.jsonl", good + good, "asks the same as line 1"),
        ("unanswered.jsonl", '{"question": "1+1?"}\n', "--reference self"),
        ("typo.jsonl", '{"question": "1+1?", "anwser": "2"}\n', "is 'anwser' meant?"),
        (
            "wrong.jsonl",
            '{"question": "1+1?", "answer": "12", "verifier": "choice"}\n',
            "verifier 'choice'",
        ),
    ):
        shown = said(name, text)
        assert told in shown, (name, shown)
        assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("poc", "mine.jsonl"), "Did you mean --questions mine.jsonl?"),
        (("record", "--limit", "3", "mine.csv"), "Did you mean --questions mine.csv?"),
        (("poc", "http://localhost:8000/v1#m"), "Did you mean --model http://localhost:8000/v1#m?"),
        (("poc", "--questions", "mine.jsonl", "--verifier", "math"), "in the column 'verifier'"),
        (("poc", "--base-url=http://localhost:8000"), "--model http://HOST:PORT/v1#NAME"),
        (("poc", "--min-accuracy", "101"), "--min-accuracy is out of range (got 101.0)"),
        (("choose", "FOLDER"), "Did you mean"),
    ],
)
def test_words_that_cannot_be_read(
    words: tuple[str, ...], told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path / "recording", synthetic(3, 1))
    done = karui(*(tmp_path if w == "FOLDER" else w for w in words))
    assert done.exit_code == REFUSED
    assert told in done.output + capfd.readouterr().err


# -- The terminal ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_fit_the_terminal_and_stay_whole_elsewhere(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.cells import cell_len

    long = "  1. " + "a sentence that goes on and on, " * 9
    japanese = "     " + "思考を減らしつつ正答率の低下を許容範囲に収めるプランは見つかりませんでした。" * 4
    say(long)
    assert capsys.readouterr().err == long + "\n"
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    say(f"{long}\n{japanese}")
    lines = capsys.readouterr().err.splitlines()
    assert all(cell_len(line) <= columns for line in lines)
    assert all(line.startswith("     ") for line in lines[1:])
    assert (
        "".join(line.strip() for line in lines if "思考" in line or "。" in line)[:8] == japanese.strip()[:8]
    )
