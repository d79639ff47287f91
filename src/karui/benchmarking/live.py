"""Live cells: full thinking and a study's plan, as they ran on an engine when the study confirmed its choice.

The study holds sums and no outcomes: there is nothing to match with controls, and no mean of seconds.
"""

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from karui import catalog, tasks
from karui.benchmarking.cells import CHOSEN, FULL, MEASURED, family_of
from karui.benchmarking.measuring import FLOPS
from karui.benchmarking.results import Cell, Cost, Estimate, Evidence, Family, Missing, Point, SetInfo, short
from karui.benchmarking.sources import SourceMissing, file_sha256, questions_digest
from karui.benchmarking.suite import Live, Places, Suite
from karui.codec.files import load_study
from karui.core.errors import InputError
from karui.core.study import Comparison, Interval, LiveRun, Measurement, Study
from karui.measure.paper_metrics import accuracy_efficiency_score, ock_score
from karui.recording.growth import Arranged

_STUDY = "study.json"


@dataclass(frozen=True)
class LiveCells:
    """The two cells of a live run.

    Attributes:
        live: As the suite describes it.
        path: The study's file.
        digest: Of the file.
    """

    live: Live
    path: Path
    digest: str

    @staticmethod
    def of(live: Live, places: Places) -> "LiveCells":
        """Returns a live run with its study.

        Raises:
            SourceMissing: The study is not there.
        """
        path = Path(places(live.study)) / _STUDY
        if not path.exists():
            raise SourceMissing(str(path), places(live.make))
        return LiveCells(live, path, file_sha256(path))

    def key(self, method: str) -> str:
        """Returns what a cell is known by: its study, and the file of its questions where there is one.

        Raises:
            InputError: The file cannot be read.
        """
        asked = self.live.questions
        files = [file for file in (Path(asked), Path(asked.partition(":")[2])) if file.is_file()]
        told = [MEASURED, self.digest, self.live.model_dump(mode="json"), method, *map(file_sha256, files)]
        return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]

    def measured(self, suite: Suite) -> tuple[SetInfo, list[Cell]]:
        """Returns the question set, full thinking, and the plan.

        Raises:
            InputError: The study did not run live, or on another number of questions.
            KaruiError: It or its questions cannot be read.
        """
        study = load_study(self.path)
        if study.live is None:
            raise InputError(
                f"{self.path} did not run live.",
                remedy="Give a study that confirmed its choice.",
            )
        info = self._info(suite, study.live.baseline.questions)
        full, plan = study.live.baseline, study.live.plan
        family = family_of(catalog.plan_from_spec(study.choice.spec))
        base = self._cell(study, info, FULL, "baseline", _point(full, full, None))
        chosen = self._cell(study, info, CHOSEN, family, _point(plan, full, study.live))
        return info, [base, chosen]

    def _info(self, suite: Suite, asked: int) -> SetInfo:
        task = tasks.load(self.live.questions)
        if len(task.questions) != asked:
            raise InputError(
                f"{self.path} ran live on {asked} questions; {self.live.questions} has {len(task.questions)}."
            )
        named = next(s for s in suite.sets if s.name == self.live.set)
        return SetInfo(
            name=named.name,
            digest=questions_digest(Arranged(task).questions(), task.instruction),
            questions=asked,
            title={"en": named.title.en, "ja": named.title.ja},
            licence=named.licence,
            source=named.source,
        )

    def _cell(self, study: Study, info: SetInfo, method: str, family: Family, point: Point) -> Cell:
        return Cell(
            set=info.name,
            set_digest=info.digest,
            model=self.live.model,
            engine=study.manifest.engine,
            method=method,
            family=family,
            measured="live",
            questions=info.questions,
            evidence=Evidence(kind="study", digest=self.digest, samples=1),
            points=(point,),
            by="karui",
            key=self.key(method),
        )


def _point(of: Measurement, full: Measurement, run: LiveRun | None) -> Point:
    """Returns a measurement as the results keep it; beside full thinking where it is the plan's."""
    compared = run.comparison if run else None
    means = [(m.tokens.value, m.accuracy.value) for m in (of, full)]
    able = means[1][1] > 0 and means[1][0] > 0
    aes = accuracy_efficiency_score(*means[0], *means[1]) if able else None
    return Point(
        settings=of.label if compared else "full thinking",
        accuracy=Estimate.of(of.accuracy),
        tokens=Cost(**Estimate.of(of.tokens).model_dump(), how="counted"),
        flops=Missing(missing="no-shape") if of.flops is None else _alone(of.flops, FLOPS),
        latency=Missing(missing="medians-only"),
        steps=Missing(missing="sums-only"),
        truncated=short(of.truncated),
        unanswered=short(1 - of.answered),
        looped=Missing(missing="no-text") if of.looped is None else short(of.looped),
        gain=None if compared is None else Estimate.of(_turned(compared)),
        token_ratio=None if compared is None else Estimate.of(compared.token_ratio),
        aes=Missing(missing="zero-accuracy") if aes is None else short(aes),
        ock_score=short(ock_score(of.accuracy.value, of.tokens.value)),
    )


def _alone(value: float, how: str) -> Cost:
    return Cost(value=short(value), low=None, high=None, how=how)


def _turned(compared: Comparison) -> Interval:
    """Returns the gain, whose ends are those of the loss the other way round."""
    loss = compared.loss
    return replace(loss, value=-loss.value, low=-loss.high, high=-loss.low)
