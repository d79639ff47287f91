"""What bench/scout.py replays: the published methods, and the plans beside them."""

from dataclasses import replace

from karui import catalog
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.study.steps import length_of, space_of

SETS = {"aime24": "AIME 2024", "aime25": "AIME 2025"}
SC = "self-consistency:k=64"
PUBLISHED = {  # accuracy in points and thousand tokens a question, 64 branches drawn from the 128
    "SC@64": (SC, {"aime24": (80.4, 910.8), "aime25": (76.7, 1124.4)}),
    "ESC, window 8": ("windowed-stop:k=64,window=8", {"aime24": (80.4, 459.4), "aime25": (76.7, 793.1)}),
    "adaptive consistency, 0.95": (
        "adaptive-consistency:k=64,threshold=0.95",
        {"aime24": (80.4, 226.0), "aime25": (76.7, 406.3)},
    ),
    "64 branches, 14 equal probes": (
        f"{SC} + trial-stability:k=14",
        {"aime24": (76.7, 773.4), "aime25": (70.2, 998.5)},
    ),
    "one branch, 14 equal probes": (
        "trial-stability:k=14",
        {"aime24": (71.0, 12.1), "aime25": (63.7, 15.5)},
    ),
    "Parallel-Probe": (
        "parallel-probe:k=64,every=500",
        {"aime24": (81.5, 730.8), "aime25": (76.9, 846.7)},
    ),
}
NAIVE = "trial-stability:k=8"


def label_of(words: str) -> str:
    """Returns the label of a plan written as people write it."""
    return catalog.parse(words).label


def plans_of(recording: Recording, *, quick: bool) -> list[Plan]:
    """The space of the command line, the published settings, and a finer grid of capped adaptive votes."""
    length = length_of(recording)
    shares = (1.0, 1.5) if quick else tuple(round(0.6 + 0.1 * i, 1) for i in range(17))
    thresholds = (0.8, 0.95) if quick else (0.8, 0.9, 0.95)
    words = [
        f"adaptive-consistency:k={k},threshold={t} + token-cap:tokens={100 * round(share * length / 100)}"
        for k in (8, 16, 32, 64)
        for t in thresholds
        for share in shares
    ]
    words += [f"adaptive-consistency:k={k},threshold={t}" for k in (8, 16, 32, 64) for t in thresholds]
    words += [f"self-consistency:k={k}" for k in (2, 4, 8, 16, 32, 64)] + [NAIVE]
    plans = [catalog.parse(w) for w in (*words, *(w for w, _ in PUBLISHED.values()))]
    space = space_of({"main": recording}).plans
    if quick:
        space = tuple(p for p in space if "parallel-probe" not in p.label)[::4]
    found = {p.id: p for p in (Plan(), *plans, *space)}
    return [p for p in found.values() if not (quick and "parallel-probe" in p.label)]


def branch_halves(recording: Recording) -> list[Recording]:
    """Returns the recording with the first and with the second half of each question's branches."""
    middle = recording.manifest.samples // 2
    return [
        Recording(
            replace(recording.manifest, samples=middle),
            tuple(replace(q, traces=q.traces[part]) for q in recording.questions),
        )
        for part in (slice(0, middle), slice(middle, 2 * middle))
    ]
