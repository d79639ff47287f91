"""karui makes a reasoning model light to run without making it worse, and proves it on your own questions.

    import karui

    study = karui.poc("Qwen/Qwen3-4B", "questions.jsonl", max_drop=2.0)
    study.best  # a plan, or None where full thinking stays
    study.report("report.html")

Every verb that runs or replays a model has a twin for event loops whose name ends in `_async`. See
docs/api.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from karui.version import __version__

if TYPE_CHECKING:
    from karui.core.errors import KaruiError
    from karui.core.plan import Plan
    from karui.core.question import Task
    from karui.core.recording import Recording
    from karui.study.api.benchmark import benchmark
    from karui.study.api.choose import choose, choose_async
    from karui.study.api.compare import compare
    from karui.study.api.confirm import confirm, confirm_async
    from karui.study.api.export import export
    from karui.study.api.load import load_recording, load_study, load_task
    from karui.study.api.make import make, make_async
    from karui.study.api.poc import poc, poc_async
    from karui.study.api.portfolio import portfolio, portfolio_async
    from karui.study.api.profile import profile, profile_async
    from karui.study.api.record import record, record_async
    from karui.study.api.replay import replay, replay_async
    from karui.study.api.run import run, run_async
    from karui.study.api.serve import serve, serve_async
    from karui.study.result import Study

__all__ = [
    "KaruiError",
    "Plan",
    "Recording",
    "Study",
    "Task",
    "__version__",
    "benchmark",
    "choose",
    "choose_async",
    "compare",
    "confirm",
    "confirm_async",
    "export",
    "load_recording",
    "load_study",
    "load_task",
    "make",
    "make_async",
    "poc",
    "poc_async",
    "portfolio",
    "portfolio_async",
    "profile",
    "profile_async",
    "record",
    "record_async",
    "replay",
    "replay_async",
    "run",
    "run_async",
    "serve",
    "serve_async",
]

_TYPES = {
    "KaruiError": "karui.core.errors",
    "Plan": "karui.core.plan",
    "Recording": "karui.core.recording",
    "Study": "karui.study.result",
    "Task": "karui.core.question",
}


def __getattr__(name: str) -> Any:
    """Imports what a public name stands for when it is first used: `import karui` alone is instant."""
    if name not in __all__:
        raise AttributeError(f"module 'karui' has no attribute {name!r}")
    verb = "load" if name.startswith("load_") else name.removesuffix("_async")
    found = getattr(import_module(_TYPES.get(name, f"karui.study.api.{verb}")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
