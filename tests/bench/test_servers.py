"""The page on servers says what was kept of them, and nothing else."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("bench_servers", ROOT / "bench" / "servers.py")
servers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(servers)
KEPT = sorted((ROOT / "docs" / "servers").glob("*.json"))


def test_the_page_is_as_the_kept_files_say():
    text = (ROOT / "docs" / "servers.md").read_text()
    assert servers.page(text, [json.loads(path.read_text()) for path in KEPT]) == text


@pytest.mark.parametrize("path", KEPT, ids=lambda p: p.stem)
def test_what_is_kept_names_its_version_and_date(path):
    kept = json.loads(path.read_text())
    assert all(kept[name] for name in ("server", "version", "date", "model", "runs"))
    assert "/" not in kept["model"]  # no path of anybody's machine
    for run in kept["runs"]:
        assert run["route"] in servers.ROUTES
        assert run.get("error") or run["probe"]["capabilities"]["spent"] > 0


def test_a_row_says_what_was_found():
    kept = json.loads(KEPT[0].read_text())
    can = next(run["probe"]["capabilities"] for run in kept["runs"] if "probe" in run)
    can["thinking"] = "in the text, | or so"
    text = servers.page(f"a\n{servers.BEGIN}old{servers.END}\nb", [kept])
    assert "in the text, \\| or so" in text
    assert "old" not in text
    assert text.startswith("a\n")
    assert text.endswith("\nb")
    kept["runs"] = [{"route": "chat", "error": "It refused."}]
    assert "| It refused. |" in servers.page(f"{servers.BEGIN}{servers.END}", [kept])
