"""What every section of a page is handed: the study, its derived figures, the words and the formats."""

from dataclasses import dataclass
from typing import Any

from karui.i18n.formats import Format
from karui.i18n.translator import Translator
from karui.report.savings import Assumptions, Usage
from karui.report.study import Study
from karui.report.view_model import Decision, Entry, PlanTable, board_of, decide, entry_of, subject


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
    decision: Decision
    plan: Entry | None
    assumed: Assumptions
    usage: Usage | None

    @staticmethod
    def of(study: Study, lang: str) -> "Context":
        """Derives everything once."""
        plan = entry_of(study, subject(study))
        return Context(
            study=study,
            words=Translator(lang, agreement=bool(study.choice.get("agreement"))),
            form=Format(lang),
            board=board_of(study),
            decision=decide(study),
            plan=plan,
            assumed=Assumptions.of(study.assumptions),
            usage=Usage.of(study.baseline, plan),
        )

    @property
    def margin(self) -> float:
        """The largest loss accepted."""
        return float(self.study.choice["rule"]["margin"])

    @property
    def level(self) -> str:
        """The confidence of the certificate, such as 95%."""
        return self.form.percent(1 - float(self.study.choice["rule"]["alpha"]), 0)

    @property
    def questions(self) -> int:
        """Test questions."""
        return int(self.study.choice["questions"])

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.study.choice["model"].get("name") or self.study.manifest["model"]["name"])

    @property
    def evidence(self) -> tuple[Entry, Entry | None]:
        """Baseline and plan that the first screen speaks of: replayed, or live where that contradicted it."""
        live = self.study.live
        if self.decision.name == "withdrawn" and live:
            return live["baseline"], {"measurement": live["plan"], "comparison": live["comparison"]}
        return self.study.baseline, self.plan

    def fact(self, name: str) -> Any:
        """Returns a figure of the comparison in question, None where there is none."""
        return self.plan["comparison"].get(name) if self.plan else None
