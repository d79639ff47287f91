"""What the public functions return: a study with its choice, and a replay."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karui import catalog
from karui.codec.files import load_study, save
from karui.core.plan import Plan
from karui.core.recording import Recording
from karui.core.study import Comparison, MeasuredPlan, Measurement, Misbehaviour
from karui.core.study import Study as StudyData
from karui.core.study.choice import Axis, Choice, Decision, Rejected, Verdict
from karui.recording.files import make_folder
from karui.recording.files import write as write_file
from karui.report import write
from karui.selection.evidence import Evidence
from karui.serving_profile import FILE as PROFILE
from karui.serving_profile import ServingProfile
from karui.study.frames import frame_of
from karui.study.options import StudyOptions

_RATIOS: Mapping[Axis, Callable[[Comparison], float | None]] = {
    Axis.TOKENS: lambda c: c.token_ratio.value,
    Axis.FLOPS: lambda c: c.flops_ratio,
    Axis.LATENCY: lambda c: c.time_ratio if c.seconds_ratio is None else c.seconds_ratio,
    Axis.COST: lambda c: c.cost_ratio,
    Axis.MEMORY: lambda c: c.memory_ratio,
}
"""Where a comparison holds a plan's ratio to the baseline, by objective."""


@dataclass(frozen=True)
class Details:
    """What only the process knows that made a study.

    Attributes:
        evidence: Every outcome of every plan, by question.
        options: What the user wanted.
        test: The recording of the test questions.
        weights: The folder of the weights that the chosen plan runs on; None where it is the model as it is.
        control: In the demonstration, the choice on the kinds of question that need their whole thinking.
    """

    evidence: Evidence
    options: StudyOptions
    test: Recording
    weights: Path | None = None
    control: Choice | None = None


@dataclass(frozen=True, repr=False)
class Study:
    """One finished study: what was compared, what was chosen and why.

    In a notebook it shows its decision and the picture of accuracy against tokens.

    Attributes:
        data: Everything that a report is made from.
        profile: What live requests of the chosen plan will look like; None where full thinking was chosen.
        path: The folder that it was written to; None where it was not.
        pages: The files of the report.
        language: Of the report: "en" or "ja".
        details: What only the process knows that made it; None where it was loaded.
    """

    data: StudyData = field(repr=False)
    profile: ServingProfile | None = field(default=None, repr=False)
    path: Path | None = None
    pages: tuple[Path, ...] = field(default=(), repr=False)
    language: str = "en"
    details: Details | None = field(default=None, repr=False, compare=False)

    @staticmethod
    def load(path: Path | str, language: str = "en") -> "Study":
        """Reads a study that was written.

        Args:
            path: `study.json`, or the folder that holds it.
            language: Of what a notebook shows.

        Raises:
            InputError: The file is missing, is not a study, or was written by a later version.
        """
        file = Path(path)
        file = file / "study.json" if file.is_dir() else file
        data = load_study(file)
        profile = file.with_name(PROFILE)
        return Study(
            data,
            ServingProfile.load(profile) if profile.exists() else None,
            file.parent,
            language=language,
        )

    @property
    def choice(self) -> Choice:
        """What was chosen, by which rule, and what was tested for it."""
        return self.data.choice

    @property
    def decision(self) -> Decision:
        """What to do: "adopt", "pilot", "collect", "nothing" or "fix"."""
        return self.choice.decision

    @property
    def best(self) -> Plan | None:
        """The chosen plan; None where full thinking stays, or where the live confirmation contradicted it."""
        if not self.choice.spec or self.choice.withdrawn:
            return None
        return catalog.plan_from_spec(self.choice.spec)

    def __repr__(self) -> str:
        """Names the decision and the plan."""
        plan = self.choice.label if self.choice.spec else "full thinking"
        return f"<karui.Study: {self.decision}, {plan}>"

    def rows(self) -> list[dict[str, Any]]:
        """Returns one dictionary per plan, the baseline first, then from least tokens to most.

        Keys: `plan`; `accuracy` (0 to 1) with `accuracy_low` and `accuracy_high`, a 95% interval; `loss` of
        accuracy against the baseline with its interval; `p` of the test that the loss is no more than
        accepted (None where it was not tested); `verdict` ("certified", "promising", "not supported", "not
        tested", or "" where it was not in the order of testing); `tokens` per question; `saving` on the
        objective (0.3 is 30% less; None where unknown); `chosen`.
        """
        tested = {t.plan: t for t in self.choice.tested}
        ratio = _RATIOS[self.choice.rule.minimize]
        rows = []
        for plan in self.data.plans:
            row = _row(plan.measurement, plan.comparison, ratio(plan.comparison))
            if (test := tested.get(plan.plan)) is not None:
                row |= {"p": test.p_value, "verdict": str(test.verdict)}
            row["chosen"] = bool(self.choice.spec) and plan.plan == self.choice.plan
            rows.append(row)
        return _sorted(self.data.baseline, rows)

    def frame(self, frame: Callable[[Mapping[str, list[Any]]], Any] | None = None) -> Any:
        """Returns `rows` as a data frame of polars or pandas.

        Args:
            frame: Makes a data frame of columns by name; None takes polars, else pandas.

        Raises:
            InputError: Neither is installed.
        """
        return frame_of(self.rows(), frame)

    def report(self, path: Path | str, language: str = "") -> Path:
        """Writes the report: one HTML page that needs no network; or Markdown, or JSON.

        Args:
            path: A file whose name ends in .html, .md or .json; or a folder, which gets all three.
            language: "en" or "ja"; "" is the study's own.

        Returns:
            The file, or in a folder its `report.html`.

        Raises:
            UnknownName: There is no such language or format.
            StorageError: The file cannot be written.
        """
        from karui.report import FORMATS, render

        path = Path(path)
        if path.suffix[1:] in FORMATS:
            make_folder(path.parent)
            write_file(path, render(self.data, path.suffix[1:], language or self.language).encode())
            return path
        return write(self.data, path, lang=language or self.language)[0]

    def save(self, path: Path | str) -> tuple[Path, ...]:
        """Writes choice.json, what to expect of it, study.json and the report into a folder.

        Returns:
            The report's files.

        Raises:
            StorageError: They cannot be written.
        """
        out = Path(path)
        make_folder(out)
        save(self.choice, out / "choice.json")
        (out / PROFILE).unlink(missing_ok=True)  # one of an earlier choice says nothing of this one
        if self.profile is not None:
            self.profile.save(out / PROFILE)
        save(self.data, out / "study.json")
        return tuple(write(self.data, out, lang=self.language))

    def _repr_html_(self) -> str:
        """Returns what a notebook shows: the decision, and the picture."""
        from karui.study.notebook import study_html

        return study_html(self.data, self.language)


@dataclass(frozen=True)
class ReplayResult:
    """Plans over a recording.

    Attributes:
        baseline: Measurement of full thinking.
        plans: Measurement and comparison of each plan.
        refused: Plans that the recording cannot replay, each with its reason.
        misbehaviour: How full thinking goes wrong.
        recording: What was replayed.
    """

    baseline: Measurement
    plans: Sequence[MeasuredPlan] = field(repr=False)
    refused: Sequence[Rejected] = field(repr=False)
    misbehaviour: Sequence[Misbehaviour] = field(repr=False)
    recording: Recording = field(repr=False)

    def rows(self) -> list[dict[str, Any]]:
        """Returns one dictionary per plan, as `Study.rows`; `saving` is of tokens."""
        ratio = _RATIOS[Axis.TOKENS]
        rows = [_row(p.measurement, p.comparison, ratio(p.comparison)) for p in self.plans]
        return _sorted(self.baseline, rows)

    def frame(self, frame: Callable[[Mapping[str, list[Any]]], Any] | None = None) -> Any:
        """Returns `rows` as a data frame, as `Study.frame`."""
        return frame_of(self.rows(), frame)


def _sorted(baseline: Measurement, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_row(baseline, None, None), *sorted(rows, key=lambda row: float(row["tokens"]))]


def _row(measured: Measurement, compared: Comparison | None, ratio: float | None) -> dict[str, Any]:
    return {
        "plan": measured.label,
        "accuracy": measured.accuracy.value,
        "accuracy_low": measured.accuracy.low,
        "accuracy_high": measured.accuracy.high,
        "loss": compared.loss.value if compared else 0.0,
        "loss_low": compared.loss.low if compared else 0.0,
        "loss_high": compared.loss.high if compared else 0.0,
        "p": None,
        "verdict": "" if compared else str(Verdict.BASELINE),
        "tokens": measured.tokens.value,
        "saving": 0.0 if compared is None else None if ratio is None else 1 - ratio,
        "chosen": False,
    }
