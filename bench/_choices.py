"""Choices to serve: that of `karui choose` on the shipped recording, and made-up ones.

    karui choose src/karui/models/mini/recording --pilot src/karui/models/mini/pilot --out FOLDER

takes minutes and always says the same, so bench/data/mini-choice keeps the two files of it that are served.
"""

from pathlib import Path

from _figures import ROOT

from karui import catalog
from karui.codec.files import save
from karui.core.study.choice import Choice, Decision, Rule, Verdict
from karui.recording.store import load
from karui.selection.groups import Sources
from karui.serving_profile import FILE
from karui.study.serving_profile import expected

MINI = ROOT / "src" / "karui" / "models" / "mini"
CHOSEN = ROOT / "bench" / "data" / "mini-choice"


def made_up(words: str, folder: Path) -> Path:
    """Writes a choice of any plan over karui-mini, without evidence; returns its file."""
    path = folder / "choice.json"
    if path.exists():
        return path
    plan, recorded = catalog.parse(words), load(MINI / "recording")
    manifest = recorded.manifest
    choice = Choice(
        model=manifest.model,
        task=manifest.task,
        task_digest=manifest.task_digest,
        agreement=False,
        rule=Rule(),
        spec=plan.spec,
        plan=plan.id,
        label=plan.label,
        decision=Decision.PILOT,
        verdict=Verdict.PROMISING,
        questions=len(recorded.questions),
        pilot_questions=0,
        traces=1.0,
        fewest=149,
        tested=(),
        rejected=(),
        space=1,
    )
    expectation = expected(choice, Sources(recorded))
    assert expectation is not None
    folder.mkdir(parents=True, exist_ok=True)
    expectation.save(folder / FILE)
    save(choice, path)
    return path
