"""`karui.run`: one plan on one question, live."""

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from karui import catalog
from karui.core.engine import Engine
from karui.core.outcome import Outcome
from karui.core.plan import Plan
from karui.core.prompt import Sampling
from karui.core.question import Question
from karui.core.request import Request
from karui.runners.live import run_live
from karui.study.api.arguments import config_of, workspace_of
from karui.study.config.keywords import RunKeywords
from karui.study.config.schema import ModelOptions, RunConfig
from karui.study.loop import awaitable, blocking
from karui.study.workspace import Workspace
from karui.tasks import verifier as verifier_of
from karui.tasks.loader import instruction_for


async def _run(
    plan: Plan | str,
    model: str | Engine,
    question: str | Question,
    *,
    reference: str = "",
    verifier: str = "math",
    aux_model: Mapping[str, str | Engine] | None = None,
    artifacts: Path | str = "artifacts",
    **options: Unpack[RunKeywords],
) -> Outcome:
    r"""Answers one question by a plan.

    Args:
        plan: Such as "trial-stability"; "" is full thinking.
        model: Folder, Hub name or server, loaded for this call; or an engine (`karui.engines.load`), which
            stays open.
        question: As text, to which the sentence that asks for \boxed{} is appended; or a question.
        reference: The right answer, if it is known: `correct` then tells.
        verifier: What reads and judges the answer of a question that is text, such as "math" or "choice".
        aux_model: Further models, by the names that the plan asks for.
        artifacts: Where new weights of the plan are kept, and found again.
        **options: How the model is run and how tokens are drawn, with _ for -: `temperature=0`,
            `max_tokens=1024`, `device="cuda"`, ….

    Returns:
        The outcome: `answer` (None where there was none), `correct`, `tokens` in all, `seconds`, and every
        trace in `traces`.

    Raises:
        UnknownName: There is no such technique, verifier or option; names the nearest.
        PlanError: The plan asks a model that is not given, or the engine lacks an ability.
        EngineError: The engine failed.
    """
    settings = config_of(RunConfig, None, {"samples": 1, "concurrency": 8, **options})
    asked = question if isinstance(question, Question) else _question(question, reference, verifier)
    wanted = plan if isinstance(plan, Plan) else catalog.parse(plan) if plan else Plan()
    drawn = settings.sampling
    sampling = Sampling(drawn.temperature, drawn.top_p, max_tokens=drawn.max_tokens)
    own: list[Workspace] = []

    def engine(given: str | Engine, of: Plan) -> Engine:
        if not isinstance(given, str):
            return given
        named = config_of(ModelOptions, settings.model, {"model": given})
        own.append(workspace_of(named, drawn, artifacts=Path(artifacts), accept_no_thinking=True))
        return own[-1].engine_of(of)

    try:
        engines = {"main": engine(model, wanted)}
        engines |= {name: engine(other, Plan()) for name, other in (aux_model or {}).items()}
        prompt = asked.prompt("" if isinstance(question, Question) else instruction_for((asked,)))
        request = Request(asked.id, prompt, sampling)
        [outcome] = [o async for o in run_live(wanted, [(asked, request)], engines, at_once=1)]
    finally:
        for workspace in own:
            await workspace.close()
    if outcome.failure is not None:
        raise outcome.failure
    return outcome


def _question(text: str, reference: str, verifier: str) -> Question:
    return Question("question", text, reference, verifier_of(verifier))


run = blocking(_run)
run_async = awaitable(_run)
