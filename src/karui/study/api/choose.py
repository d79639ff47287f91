"""`karui.choose`: the cheapest plan whose loss is certified."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from karui.core.errors import InputError
from karui.core.recording import Recording
from karui.selection.groups import Sources
from karui.selection.looks.opening import ledger_of
from karui.study.api.arguments import call_text, config_of, recording_of
from karui.study.baseline import examined, usable
from karui.study.config.keywords import ChooseKeywords
from karui.study.config.schema import ChooseConfig, SourceOptions
from karui.study.judging.study_judge import judging, settled
from karui.study.loop import awaitable, blocking
from karui.study.options import StudyOptions, fair
from karui.study.progress import OnProgress, progress_of
from karui.study.result import Details, Study
from karui.study.run import failed_study, finished
from karui.study.steps import decide, evidence_of, study_of, warn_unwritten


async def _choose(
    recording: Recording | Path | str,
    *,
    config: ChooseConfig | Path | str | None = None,
    commands: Sequence[str] = (),
    on_progress: OnProgress = None,
    **options: Unpack[ChooseKeywords],
) -> Study:
    """Chooses the cheapest plan whose loss of accuracy is certified, from recordings alone.

    Args:
        recording: Of full thinking; or its folder.
        config: A config, or a TOML file of options; keywords win.
        commands: What to type to make the study again, for the report; by default this call.
        on_progress: A `karui.study.progress.Progress`, or a function that is called with every update.
        **options: The options of `karui choose`, with _ for -: `max_drop=2.0` (points),
            `minimize="latency"`, `aux_model={"small": recording}`, …. Nothing is written without `out`.

    Returns:
        The study. Its decision is "fix" where full thinking itself fails.

    Raises:
        UnknownName: There is no such option, objective or technique; names the nearest.
        InputError: An option is out of range, or a recording is not on disk.
        RecordingMismatch: Recordings that do not belong together.
        PlanError: Too many traces of the baseline were cut; see `accept_truncation`.
        RecordingError: A recording cannot be read, or holds no thinking.
    """
    settings = config_of(ChooseConfig, config, options)
    again = commands or [call_text("choose", recording, **options)]
    progress, output = progress_of(on_progress), settings.output
    wanted = StudyOptions.of(settings.objective, settings.baseline, settings.place)
    accepted = settings.baseline.accept_no_thinking
    main = recording_of(recording, settings.sources.kind)
    main = usable(main, progress, accept_no_thinking=accepted)
    async with judging(main, progress) as judge:
        if judge is not None:
            main = await judge.first(main)
        if failing := examined(main, wanted):
            return failed_study(failing, main, wanted, again, language=output.lang, out=output.out)
        sources = _sources(main, settings.sources)
        if judge is not None:
            sources = await judge.all(sources)
        wanted = fair(wanted, [main, *sources.styles, *sources.beside.values()])
        progress.begin("Replaying every plan")
        ledger = ledger_of(main)
        evidence, test_part = evidence_of(sources, wanted, progress.at, ledger)
        choice = await settled(
            judge, lambda: decide(evidence, test_part, sources, wanted, ledger=ledger, judge=judge)
        )
    warn_unwritten(ledger, progress)
    data = study_of(evidence, test_part, choice, wanted, sources, commands=again)
    details = Details(evidence, wanted, test_part)
    return finished(data, sources, details, progress, language=output.lang, out=output.out)


def _sources(main: Recording, given: SourceOptions) -> Sources:
    if "main" in given.aux_model:
        raise InputError(
            "The name of an auxiliary model is taken (got 'main').", remedy="Give --aux-model another name."
        )
    return replace(
        Sources(main),
        styles=[recording_of(r, given.kind) for r in given.variant],
        beside={name: recording_of(r, given.kind) for name, r in given.aux_model.items()},
        pilots=[recording_of(r) for r in given.pilot],
    )


choose = blocking(_choose)
choose_async = awaitable(_choose)
