"""`karui import`, then `karui trials`, `replay` and `choose`: the way of somebody who has logs already."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from karui.cli.main import app

LOG = Path(__file__).parents[2] / "bench" / "data" / "trials" / "by-hand.jsonl"


def karui(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words])


def said(done: Result) -> str:
    return " ".join(done.output.split())


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imported") / "texts"
    done = karui("import", LOG, "--out", folder, "--tokenizer", "karui-mini")
    assert done.exit_code == 0, done.output
    assert "Read as whole-text: 6 questions" in said(done)
    assert "6 right, 0 truncated" in said(done)
    assert "`karui trials` adds them" in said(done)
    return folder


def test_the_whole_way_from_a_log_to_a_choice(texts: Path, tmp_path: Path) -> None:
    told = karui(
        "trials", texts, "--estimate", "--assume", "price_prompt=1000", "--assume", "price_output=2000"
    )
    assert told.exit_code == 0, told.output
    assert "Texts by by hand, trials by karui-mini" in said(told)
    assert (
        "6 traces, 9 checkpoints: 570 tokens to prefill (exact), about 26 to generate (at most 216)"
        in said(told)
    )
    assert "At these prices about" in said(told)
    assert not texts.with_name("texts-trials").exists()  # an estimate makes nothing

    done = karui("trials", texts, "--concurrency", "4")
    assert done.exit_code == 0, done.output
    assert "Spent: 570 tokens prefilled (0 of them cached)" in said(done)
    made = texts.with_name("texts-trials")
    manifest = json.loads((made / "manifest.json").read_text())
    assert (manifest["model"]["name"], manifest["trials"]["name"]) == ("by hand", "karui-mini")
    again = karui("trials", texts, "--concurrency", "4")
    assert "6 of 6" in said(again)
    assert "0 trials" in said(again)  # all are there

    note = "Early answers come from karui-mini reading texts that by hand wrote"
    replayed = karui("replay", made, "--top", "3")
    assert note in said(replayed)
    assert "cannot run on this recording. It needs what is not there: signals" in said(replayed)
    chosen = karui("choose", made, "--out", tmp_path / "choice")
    assert chosen.exit_code == 0, chosen.output
    assert note in said(chosen)
    for name in ("report.md", "report.html"):
        assert note in (tmp_path / "choice" / name).read_text()
    karui("report", tmp_path / "choice", "--lang", "ja", "--out", tmp_path / "ja")
    assert "karui-mini" in (tmp_path / "ja" / "report.md").read_text().split("\n> ")[1]


def test_formats_are_listed() -> None:
    shown = said(karui("import", "--formats"))
    for name in ("lm-eval", "inspect-ai", "evalscope", "openai-batch", "litellm", "langfuse", "vllm-bench"):
        assert name in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import"], "needs a log to read"),
        (["import", "nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (["import", LOG, "--format", "lmeval"], "Did you mean 'lm-eval'"),
        (["import", LOG, "--reference", "mine"], "is not one of 'given', 'self'"),
        (["import", LOG.parent], "is a folder"),
        (["trials", "nowhere"], "no recording at nowhere"),
    ],
)
def test_what_cannot_be_is_said(words: list[object], told: str) -> None:
    done = karui(*words)
    assert done.exit_code == 2
    assert told in said(done)


def test_unknown_columns_and_broken_rows_are_shown(tmp_path: Path) -> None:
    row = {"question": "1 + 1?", "gold": "2", "text": "\\boxed{2}", "mood": "fine"}
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(row) + "\n" + json.dumps(row)[:30])
    refused = karui("import", log, "--out", tmp_path / "r")
    assert refused.exit_code == 2
    assert "line 2: Invalid JSON" in said(refused)
    assert "it was cut off" in said(refused)
    assert not (tmp_path / "r").exists()
    done = karui("import", log, "--skip-broken", "--out", tmp_path / "r")
    assert done.exit_code == 0
    assert "Columns not known to this format, left aside: mood" in said(done)
    assert "Left out: 1 rows line 2" in said(done)
