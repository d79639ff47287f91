"""The notebooks in `examples/` run from top to bottom, as somebody who opens them runs them."""

import os
import sys
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOKS = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["first-study", "your-own-technique"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "Notebooks are kept without outputs."
    # The kernel of this very environment, whatever kernels the machine has.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    monkeypatch.setenv("JUPYTER_PATH", str(Path(sys.prefix) / "share" / "jupyter"))
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    shown = [
        o["data"].get("text/html", "") for c in notebook.cells for o in c.get("outputs", ()) if "data" in o
    ]
    assert any('class="karui-study"' in html for html in shown) == (path.stem == "first-study")
    assert not list(tmp_path.iterdir())  # what a notebook makes lies in a temporary folder of its own
