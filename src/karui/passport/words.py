"""What was found of a passport, and what an acceptance came to, in sentences."""

from collections.abc import Iterator

from karui.i18n.formats import Format
from karui.i18n.passport import PASSPORT
from karui.i18n.words import Words
from karui.passport.acceptance import Acceptance, AcceptancePlan, Accepted, Chances, Outlook
from karui.passport.acceptance.reproduction import replies_compared
from karui.passport.diff import Reevaluation
from karui.passport.document import Passport
from karui.passport.verify import Checked, Finding


class PassportWords:
    """Sentences in one language."""

    def __init__(self, lang: str) -> None:
        """Chooses the language."""
        self._words, self._form = Words(lang, PASSPORT), Format(lang)

    def finding(self, finding: Finding) -> str:
        """Returns what was found."""
        dates = {"expires", "issued"}
        told = {k: self._form.date(v) if k in dates else v for k, v in finding.values.items()}
        return self._words(finding.problem.value, **told)

    def checked(self, checked: Checked) -> Iterator[str]:
        """Yields whether a passport holds, and why not; then what else has to be known."""
        if checked.passport is not None and checked.holds:
            yield self._holds(checked.passport)
            yield from self._judged(checked.passport)
        else:
            yield self._words("refused")
        yield from map(self.finding, checked.findings)

    def updated(self) -> str:
        """Returns what an acceptance of an update decides."""
        return self._words("updated")

    def planned(self, plan: AcceptancePlan, true: Chances, worse: Chances) -> str:
        """Returns what was agreed, and how it ends in imagined worlds."""
        form = self._form
        return self._words(
            "planned",
            questions=form.integer(plan.questions),
            samples=plan.samples,
            alpha=form.percent(plan.alpha),
            beta=form.percent(plan.beta),
            worse=form.points(plan.margin + plan.tolerance),
            accepted=form.percent(true.accepted, 0),
            contradicted=form.percent(worse.contradicted, 0),
        )

    def tested(self, plan: AcceptancePlan, true: Chances, beyond: Chances, above: Chances) -> str:
        """Returns whether the study's figures are tested as well, and how that ends in imagined worlds.

        Args:
            plan: What was agreed.
            true: Of a plan that loses what the study estimated.
            beyond: Of one that loses margin and tolerance.
            above: Of one that loses the tolerance more than was estimated.
        """
        if not plan.study:
            return self._words("margin_alone")
        form = self._form
        return self._words(
            "figures_too",
            alpha=form.percent(plan.alpha),
            both=form.percent(min(1.0, 2 * plan.alpha)),
            replies=replies_compared(plan.study, plan.samples),
            tolerance=form.points(plan.tolerance),
            worse=form.points(plan.margin + plan.tolerance),
            above=form.percent(above.refused, 0),
            beyond=form.percent(beyond.refused, 0),
            true=form.percent(true.refused, 0),
        )

    def apart(self, plan: AcceptancePlan, outlook: Outlook) -> Iterator[str]:
        """Yields how it ends where plan and full thinking have no trace in common.

        Args:
            plan: What was agreed.
            outlook: What is to be expected there; its plan is without the study where that cannot be tested.
        """
        form = self._form
        worse = plan.margin + plan.tolerance
        accept, refuse = (self._words("never") if n is None else form.integer(n) for n in outlook.needed())
        yield self._words(
            "apart",
            accepted=form.percent(outlook.if_it_loses(outlook.loss).accepted, 0),
            refused=form.percent(outlook.if_it_loses(worse).refused, 0),
            worse=form.points(worse),
            accept=accept,
            refuse=refuse,
        )
        if plan.study and not outlook.plan.study:
            yield self._words("apart_alone")

    def needed(self, plan: AcceptancePlan, accept: int | None, refuse: int | None) -> str:
        """Returns how many questions decide it nine times in ten."""
        told = [self._words("never") if n is None else self._form.integer(n) for n in (accept, refuse)]
        worse = self._form.points(plan.margin + plan.tolerance)
        return self._words("needed", accept=told[0], refuse=told[1], worse=worse)

    def accepted(self, found: Accepted, plan: AcceptancePlan) -> Iterator[str]:
        """Yields what an acceptance came to; then whether figures were reproduced, where it was tested."""
        form, compared = self._form, found.reproduction
        told = {
            "asked": form.integer(found.asked),
            "loss": form.points(found.loss),
            "low": form.points(found.low),
            "high": form.points(found.high),
            "margin": form.points(plan.margin),
        }
        if compared is not None:
            told |= {
                "compared": form.points(compared.loss),
                "study": form.points(compared.study_loss),
                "p": form.decimal(compared.p_value, 4),
            }
        yield self._words(found.verdict.value, **told)
        if compared is not None and found.verdict is not Acceptance.NOT_REPRODUCED:
            yield self._words("reproduced", **told)
        if plan.study and compared is None and found.verdict is not Acceptance.CONTRADICTED:
            yield self._words("not_comparable")

    def diff(self, found: Reevaluation) -> Iterator[str]:
        """Yields what changed and what each asks for, then what is to be done."""
        w, form = self._words, self._form
        if found.effort is None:
            yield w("diff_none")
            return
        for part, effort in found.changed.items():
            yield w("diff_line", part=w(f"part_{part.value}"), effort=w(f"effort_{effort.value}"))
        yield w(
            "diff_total",
            effort=w(f"effort_{found.effort.value}"),
            questions=w("never") if found.questions is None else form.integer(found.questions),
            tokens=form.scaled(found.tokens),
            full=form.scaled(found.full_tokens),
        )

    def opened(self, count: int) -> str:
        """Returns that opened questions are the sealed ones."""
        return self._words("sealed_checked", count=count)

    def _judged(self, passport: Passport) -> Iterator[str]:
        p = passport.promise
        if p.judge is not None:
            yield self._words("judged", model=p.judged_by, labels=self._form.integer(p.labels))

    def _holds(self, passport: Passport) -> str:
        form, p = self._form, passport.promise
        certified = p.verdict == "certified"
        return self._words(
            "holds" if certified else "holds_uncertified",
            label=passport.plan.label,
            model=passport.model.name,
            margin=form.points(p.margin),
            confidence=form.percent(p.confidence),
            expires=form.date(passport.expires),
            verdict=p.verdict,
        )
