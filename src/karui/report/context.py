"""What every section of a page is handed: the study, its derived figures, the words and the formats."""

from dataclasses import dataclass

from karui.core.study import Assumptions, MeasuredPlan, Measurement, Study
from karui.i18n.formats import Format
from karui.i18n.translator import Translator
from karui.measure.savings import Usage
from karui.report.view_model import Headline, PlanTable, board_of, decide


@dataclass(frozen=True)
class Context:
    """One report in one language.

    Attributes:
        study: What it is made from.
        words: The strings.
        form: The number formats.
        board: The rows of the user's questions.
        decision: The first line.
        plan: Entry of the plan the report is about, None if there is none.
        assumed: Where the calculation of savings begins.
        usage: What the savings rest on, None where there is no plan.
    """

    study: Study
    words: Translator
    form: Format
    board: PlanTable
    decision: Headline
    plan: MeasuredPlan | None
    assumed: Assumptions
    usage: Usage | None

    @staticmethod
    def of(study: Study, lang: str) -> "Context":
        """Derives everything once."""
        return Context(
            study=study,
            words=Translator(lang, agreement=study.choice.agreement, judged=study.choice.judge is not None),
            form=Format(lang),
            board=board_of(study),
            decision=decide(study),
            plan=study.plan,
            assumed=study.assumptions,
            usage=Usage.of(study.baseline, study.plan),
        )

    @property
    def margin(self) -> float:
        """The largest loss accepted."""
        return self.study.choice.rule.margin

    @property
    def unbounded(self) -> bool:
        """Whether the loss is the word of a judge alone, which bounds nothing."""
        judge = self.study.choice.judge
        return judge is not None and judge.seen

    @property
    def level(self) -> str:
        """The confidence of the certificate, such as 95%."""
        return self.form.percent(1 - self.study.choice.rule.alpha, 0)

    @property
    def questions(self) -> int:
        """Test questions."""
        return self.study.choice.questions

    @property
    def model(self) -> str:
        """The model's name."""
        return self.study.choice.model.name or self.study.manifest.model.name

    @property
    def evidence(self) -> tuple[Measurement, MeasuredPlan | None]:
        """Baseline and plan that the first screen speaks of: replayed, or live where that contradicted it."""
        live = self.study.live
        if self.decision.name == "withdrawn" and live:
            return live.baseline, MeasuredPlan(live.plan, live.comparison)
        return self.study.baseline, self.plan
