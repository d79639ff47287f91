"""A passport for a model on the Hugging Face Hub: a section of its card, and a file of `.eval_results`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from karui.core.errors import InputError
from karui.core.study.choice import Verdict
from karui.html.markdown import code, grid, text
from karui.i18n.formats import Format
from karui.passport.document import Passport, Promise


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark dataset on the Hub.

    Attributes:
        dataset: Its id: "openai/gsm8k".
        task: Of it: "default".
    """

    dataset: str
    task: str

    @staticmethod
    def parse(given: str) -> "Benchmark":
        """Reads DATASET:TASK.

        Raises:
            InputError: It is not of this form.
        """
        dataset, _, task = given.partition(":")
        if dataset.count("/") != 1 or not task:
            raise InputError(
                f"--hub-benchmark cannot be read (got {given!r}).",
                remedy="Write it like openai/gsm8k:default: the dataset's id, a colon, the task's id.",
            )
        return Benchmark(dataset, task)


def model_card(passport: Passport) -> str:
    """Returns a card with the figures as metadata and as a section for people.

    Raises:
        InputError: The Hub's library is missing.
    """
    hub = _hub()
    data = hub.ModelCardData(
        model_name=passport.model.name.rstrip("/").rpartition("/")[2],
        tags=["karui"],
        eval_results=[
            hub.EvalResult(
                task_type="text-generation",
                dataset_type=passport.questions.name,
                dataset_name=passport.questions.name,
                metric_type="accuracy",
                metric_name="agreement" if passport.questions.agreement else "accuracy",
                metric_value=round(passport.promise.accuracy.value, 6),
                metric_args={"plan": passport.plan.label, "questions": passport.questions.tested},
            )
        ],
    )
    return f"---\n{data.to_yaml()}\n---\n\n{section(passport)}"


def section(passport: Passport) -> str:
    """Returns the section for people: what was promised, on what, until when."""
    form, p, c = Format("en"), passport.promise, passport.consumption
    rows: Sequence[tuple[str, str]] = [
        ("Verdict", p.verdict),
        ("Loss of accuracy against full thinking", _loss(p, form)),
        ("Margin, confidence", f"{form.points(p.margin)}, {form.percent(p.confidence)}"),
        ("Accuracy", f"{form.percent(p.accuracy.value)} ({form.percents(p.accuracy.low, p.accuracy.high)})"),
        ("Questions", f"{text(passport.questions.name)}, {passport.questions.tested} tested"),
        *([("Judged by", f"{code(p.judged_by)}; {p.labels} labelled by people")] if p.judge else []),
        ("Tokens per question", form.integer(c.tokens.value)),
        ("Valid until", form.date(passport.expires)),
        ("Passport", code(passport.id)),
    ]
    told = f"Run by the plan {code(passport.plan.label)}, with {text(passport.fallback)} as fallback."
    return f"## Performance promised by its passport\n\n{told}\n\n{grid(('', ''), [list(r) for r in rows])}\n"


def _loss(promise: Promise, form: Format) -> str:
    """Returns the estimated loss, with its bound where that is certified."""
    if promise.verdict == Verdict.BASELINE:
        return "none: this is full thinking itself"
    certified = promise.verdict == Verdict.CERTIFIED
    least = f"at most {form.points(promise.bound)}" if certified else "not certified"
    return f"{form.points(promise.loss)} ({least})"


def eval_results(passport: Passport, benchmark: Benchmark) -> str:
    """Returns a file of `.eval_results` as YAML.

    Raises:
        InputError: The Hub's library is missing.
    """
    hub = _hub()
    tested = passport.questions.tested
    entry = hub.EvalResultEntry(
        dataset_id=benchmark.dataset,
        task_id=benchmark.task,
        value=round(100 * passport.promise.accuracy.value, 4),
        date=passport.issued,
        notes=f"karui passport {passport.id}: plan {passport.plan.label}, {tested} questions",
    )
    written: str = hub.utils.yaml_dump(hub.eval_result_entries_to_yaml([entry]), sort_keys=False)
    return written


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as missing:
        raise InputError(
            "A model card needs the library huggingface_hub.",
            remedy="Install it with the extra: pip install 'karui[passport]'.",
        ) from missing
    return huggingface_hub
