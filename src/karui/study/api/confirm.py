"""`karui.confirm`: the chosen plan against full thinking, live, on questions it was not chosen on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from karui import catalog
from karui.core.engine import ModelInfo
from karui.core.errors import InputError
from karui.core.outcome import Outcomes
from karui.core.plan import Plan
from karui.core.question import Task
from karui.core.study.choice import Confirmation
from karui.engines.styled import styled
from karui.measure.cost_model import CostModel
from karui.selection.confirm import confirm as confirm_live
from karui.serving_profile.profile import is_mode
from karui.study.api.arguments import config_of, workspace_of
from karui.study.config.keywords import ModelKeywords
from karui.study.config.schema import ModelOptions, SamplingOptions
from karui.study.loop import awaitable, blocking
from karui.study.progress import OnProgress, progress_of
from karui.study.result import Study
from karui.study.steps import confirmed
from karui.study.workspace import task_of


async def _confirm(
    study: Study | Path | str,
    questions: str | Path | Task,
    *,
    model: str = "",
    aux_model: Mapping[str, str] | None = None,
    artifacts: Path | str = "artifacts",
    on_progress: OnProgress = None,
    **options: Unpack[ModelKeywords],
) -> Study:
    """Runs the chosen plan and full thinking live on questions that the plan was not chosen on.

    Args:
        study: A study that chose a plan; or its folder.
        questions: Your own file, a name of `karui tasks`, or a task.
        model: Folder, Hub name or server; "" is the model that the study names.
        aux_model: Folders, Hub names or servers of further models, by the names that the plan asks for; those
            that are missing are the models that the study names.
        artifacts: Where new weights of the plan are kept, and found again.
        on_progress: A `karui.study.progress.Progress`, or a function that is called with every update.
        **options: How the model is run, with _ for -: `concurrency=32`, `device="cuda"`, ….

    Returns:
        The study with the confirmation; where it has a folder, it is written there again.
        `study.choice.withdrawn` is true where the loss contradicts the choice.

    Raises:
        InputError: The study chose full thinking.
        EngineError: More than one question in twenty failed.
        KaruiError: A model cannot be loaded.
    """
    study = study if isinstance(study, Study) else Study.load(study)
    plan = study.best
    if plan is None:
        raise InputError(
            f"The study has no plan to confirm (its decision is {study.decision!r}).",
            remedy="Choose from more questions, or accept a larger --max-drop.",
        )
    choice, progress = study.choice, progress_of(on_progress)
    settings = config_of(ModelOptions, None, {"model": model or choice.model.name, **options})
    drawn = study.data.manifest.sampling
    sampling = SamplingOptions(
        samples=1,
        max_tokens=drawn.max_tokens,
        temperature=drawn.temperature,
        top_p=drawn.top_p,
        seed=study.data.manifest.seed,
    )
    session = replace(workspace_of(settings, sampling, progress, artifacts=Path(artifacts)), sampling=drawn)
    given, styles = aux_model or {}, {name: _style(study, name) for name in _others(plan)}
    sessions = {
        name: session
        if name not in given and is_mode(choice, name, style)
        else session.beside(_named(name, given, choice.beside))
        for name, style in styles.items()
    }
    reference = "self" if choice.agreement else "given"
    task = questions if isinstance(questions, Task) else task_of(str(questions), reference=reference)
    try:
        engines = {"main": session.engine_of(plan)}
        for name, style in styles.items():
            own = Plan(()) if sessions[name] is session else style
            engines[name] = styled(sessions[name].engine_of(own), style)
        progress.begin("Confirming the choice live")
        base, live, confirmation = await confirm_live(
            plan,
            task,
            engines,
            choice.rule,
            sampling=drawn,
            at_once=session.streams,
            full={"main": session.engine},
            on_progress=progress.at,
        )
    finally:
        for each in (session, *sessions.values()):
            await each.close()
    return _with(study, (base, live, session.streams), confirmation)


def _others(plan: Plan) -> list[str]:
    return [name for name in plan.models if name != "main"]


def _style(study: Study, name: str) -> Plan:
    """Returns the prompt style in which a further model of the plan was recorded."""
    footing = study.profile.terms.footings.get(name) if study.profile else None
    return catalog.plan_from_spec(footing.style if footing else ())


def _named(name: str, given: Mapping[str, str], known: Mapping[str, ModelInfo]) -> str:
    found = given.get(name) or (known[name].name if name in known else "")
    if not found:
        raise InputError(
            f"The plan asks a further model, {name!r}, that is not named.",
            remedy=f"Name it: aux_model={{{name!r}: FOLDER}}.",
        )
    return found


def _with(study: Study, live: tuple[Outcomes, Outcomes, int], confirmation: Confirmation) -> Study:
    choice = replace(study.choice, confirmation=confirmation)
    footing = study.details.options.footing if study.details else CostModel()
    data = replace(study.data, choice=choice, live=confirmed(live, footing))
    made = replace(study, data=data)
    return made if study.path is None else replace(made, pages=made.save(study.path))


confirm = blocking(_confirm)
confirm_async = awaitable(_confirm)
