"""`karui.profile`: what models take in memory and give in speed, on this machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from karui import catalog
from karui.core.errors import InputError
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Task
from karui.core.request import Request
from karui.core.study import ModelProfile
from karui.models import place
from karui.profiling.profile import AT_ONCE
from karui.profiling.profile import profile as profile_model
from karui.study.config.keywords import EngineKeywords
from karui.study.loop import awaitable, blocking, interruptible
from karui.study.progress import OnProgress, progress_of
from karui.study.workspace import task_of


async def _profile(
    models: str | Sequence[str],
    *,
    questions: str | Path | Task = "mini",
    concurrency: Sequence[int] = AT_ONCE,
    tokens: int = 256,
    configure: Sequence[str] = (),
    on_progress: OnProgress = None,
    **options: Unpack[EngineKeywords],
) -> list[ModelProfile]:
    """Measures memory and tokens per second of models, one after the other, each in a process of its own.

    Args:
        models: Folders, Hub names or .gguf files; "karui-mini", "karui-micro".
        questions: What they think about meanwhile: a file, a name of `karui tasks`, or a task.
        concurrency: Numbers of concurrent requests, one figure each.
        tokens: Tokens of the longest request of each measurement.
        configure: Techniques that change how a model is loaded ("kv-cache", "prompt-lookup"); each model is
            measured once more with each.
        on_progress: A `karui.study.progress.Progress`, or a function that is called with every update.
        **options: How models are run: `device`, `dtype`, `threads`, `compile`.

    Returns:
        A profile for every model, followed by those of it with each of `configure`: bytes on disk, loaded and
        resident, and tokens per second by number of requests.

    Raises:
        InputError: A number is out of range, or `configure` names a technique that changes no loading.
        ModelError: A model cannot be loaded.
        EngineError: Its process died: out of memory, most often.
    """
    if not concurrency or min(concurrency) < 1:
        raise InputError(
            f"--concurrency is out of range (got {list(concurrency)}).",
            remedy="Give numbers, such as 1,8,32.",
        )
    progress = progress_of(on_progress)
    task = questions if isinstance(questions, Task) else task_of(str(questions), limit=max(concurrency))
    asks = [Request(q.id, task.prompt(q), Sampling(0.6, 0.95)) for q in task.questions[: max(concurrency)]]
    loading: dict[str, Any] = {
        "device": options.get("device", "auto"),
        "dtype": options.get("dtype", "auto"),
        "threads": options.get("threads") or None,
        "compile": options.get("compile", False),
    }
    found = []
    for model in [models] if isinstance(models, str) else models:
        for plan in [Plan(), *map(configuring, configure)]:
            name = f"{model}, {plan.label}" if plan.techniques else model
            progress.begin(f"Profiling {name}")
            given = plan.configure(loading)
            with interruptible():
                found.append(
                    profile_model(
                        place(model), asks, name=name, at_once=tuple(concurrency), tokens=tokens, **given
                    )
                )
    return found


def configuring(text: str) -> Plan:
    """Returns the plan of techniques that change how a model is loaded, and nothing else.

    Raises:
        InputError: One changes something else.
    """
    plan = catalog.parse(text)
    if not plan.techniques or not all(t.changes("configure") for t in plan.techniques):
        raise InputError(
            f"--configure {text} does not change how a model is loaded.",
            remedy="Name techniques that do: kv-cache, prompt-lookup, draft-model.",
        )
    return plan


profile = blocking(_profile)
profile_async = awaitable(_profile)
