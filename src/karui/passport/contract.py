"""The contract sheet: a passport as a form for people, and what of guidelines and standards it answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from karui.core.study.limits import Measure
from karui.core.study.limits import Promise as Limit
from karui.i18n.contract import CONTRACT
from karui.i18n.contract_clauses import CLAUSES, Clause
from karui.i18n.formats import DASH, Format
from karui.i18n.languages import LANGUAGES
from karui.i18n.words import Words
from karui.passport.acceptance import AcceptancePlan, outlooks
from karui.passport.document import Passport
from karui.passport.model_files import root

_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the form.

    Attributes:
        title: Its heading.
        rows: Item and value, in order.
    """

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One clause of another document.

    Attributes:
        standard: The document.
        clause: The number of the clause.
        topic: What it asks for.
        answer: What answers it, or that karui does not.
        answered: Whether something does.
    """

    standard: str
    clause: str
    topic: str
    answer: str
    answered: bool


@dataclass(frozen=True, slots=True)
class Sheet:
    """The form in one language.

    Attributes:
        lang: "en" or "ja".
        title: Its heading.
        lead: What it was made of.
        head: Headings of the sections' two columns.
        sections: In order.
        clause_title: Heading of the table of clauses.
        clause_head: Headings of its columns.
        clauses: Its rows.
        note: What editions the numbers are of.
    """

    lang: str
    title: str
    lead: str
    head: tuple[str, str]
    sections: tuple[Section, ...]
    clause_title: str
    clause_head: tuple[str, ...]
    clauses: tuple[Row, ...]
    note: str


def sheet(passport: Passport, lang: str = "en") -> Sheet:
    """Returns the sheet of a passport whose signature was checked."""
    w = Words(lang, CONTRACT)
    told = _Values(passport, lang, w).all()
    names = {
        "guarantee": "plan verdict promised loss accuracy questions judge live limits tokens seconds "
        "memory energy cost",
        "conditions": "model files engine sampling versions machine kinds valid voids",
        "monitoring": "watch who_watches",
        "fallback": "what_fallback how_fast",
        "reevaluation": "acceptance sealed when",
        "responsibilities": "supplier buyer remedy",
    }
    column = LANGUAGES.index(lang)
    form = Format(lang)
    return Sheet(
        lang=lang,
        title=w("title", label=passport.plan.label, model=passport.model.name),
        lead=w(
            "made_of",
            id=passport.id,
            issuer=passport.issuer or w("nobody"),
            issued=form.date(passport.issued),
        ),
        head=(w("item"), w("value")),
        sections=tuple(
            Section(w(title), tuple((w(item), told.get(item, w("to_agree"))) for item in items.split()))
            for title, items in names.items()
        ),
        clause_title=w("clauses"),
        clause_head=tuple(map(w, ("standard", "clause", "topic", "answer"))),
        clauses=tuple(_row(clause, column, told, w("not_karui")) for clause in CLAUSES),
        note=w("clause_note"),
    )


def _row(clause: Clause, column: int, told: Mapping[str, str], nothing: str) -> Row:
    answer = nothing if clause.answer is None else clause.answer[column].format(**told)
    return Row(
        clause.standard[column],
        clause.number or DASH,
        clause.topic[column],
        answer,
        clause.answer is not None,
    )


class _Values:
    """What a passport says of every item, in words of one language."""

    def __init__(self, passport: Passport, lang: str, words: Words) -> None:
        self._p, self._w, self._form = passport, words, Format(lang)
        self._and = words("and")

    def all(self) -> dict[str, str]:
        """Returns value by item; an item that is missing is left to the parties."""
        return {**self._guarantee(), **self._use(), **self._conditions(), **self._after()}

    def _guarantee(self) -> dict[str, str]:
        w, form, p, q = self._w, self._form, self._p.promise, self._p.questions
        about = w("agreement_word" if q.agreement else "accuracy_word")
        kind = p.verdict if p.verdict in {"certified", "baseline"} else "none"
        live = p.live
        ends = {k: form.points(live[k]) for k in ("loss", "low", "high")} if live else {}
        asked = w("questions_value", name=q.name, tested=form.integer(q.tested), units=form.integer(q.units))
        return {
            "plan": self._p.plan.label,
            "verdict": w(f"verdict_{p.verdict}"),
            "about": about,
            "promised": w(
                "promised_value" if p.verdict == "certified" else "not_promised",
                about=about,
                margin=form.points(p.margin),
                confidence=form.percent(p.confidence),
            ),
            "at_most": w(f"at_most_{kind}", bound=form.points(p.bound)),
            "loss": w("loss_baseline")
            if kind == "baseline"
            else w("loss_value", loss=form.points(p.loss), range=form.points_range(p.low, p.bound)),
            "accuracy": w(
                "accuracy_value",
                value=form.percent(p.accuracy.value),
                range=form.percents(p.accuracy.low, p.accuracy.high),
            ),
            "questions": asked,
            "tested": form.integer(q.tested),
            "judge": w("judge_value", model=p.judged_by, labels=form.integer(p.labels))
            if p.judge
            else w("checked", verifier=q.verifier or w("unknown")),
            "limits": self._and.join(map(self._limit, p.limits)) or w("none"),
            "live": w("live_value", questions=form.integer(live["questions"]), **ends) if live else w("none"),
        }

    def _limit(self, limit: Limit) -> str:
        form, cost = self._form, limit.measure is Measure.COST
        shown = [
            form.money(v, limit.currency) if cost else form.seconds(v) for v in (limit.limit, limit.bound)
        ]
        return self._w(f"limit_{limit.measure.value}", limit=shown[0], bound=shown[1])

    def _use(self) -> dict[str, str]:
        w, form, c = self._w, self._form, self._p.consumption
        seconds = w("unknown")
        if c.seconds is not None:
            shown = f"{form.seconds(c.seconds[0])}, {form.seconds(c.seconds[1])}"
            seconds = f"{shown} ({w('measured' if c.measured else 'estimated')})"
        ratio = f" ({form.ratio(c.token_ratio.value)})" if c.token_ratio else ""
        joules = ", ".join(
            w("energy_value", joules=form.decimal(j), source=source) for source, j in c.joules.items()
        )
        return {
            "tokens": form.integer(c.tokens.value) + ratio,
            "seconds": seconds,
            "memory": form.bytes(c.memory_bytes) if c.memory_bytes else w("unknown"),
            "energy": joules or w("energy_none"),
            "cost": form.money(c.cost, c.currency) if c.cost is not None else w("unknown"),
            "flops": form.scaled(c.flops) if c.flops else w("unknown"),
        }

    def _conditions(self) -> dict[str, str]:
        w, form, c, model = self._w, self._form, self._p.conditions, self._p.model
        server = ", ".join(f"{k} {v}" for k, v in sorted(c.server.items()))
        return {
            "model": model.name,
            "digest": self._p.questions.digest,
            "files": root(model.files) if model.files else w("unknown"),
            "file_count": str(len(model.files)),
            "parameters": form.scaled(model.parameters) if model.parameters else w("unknown"),
            "engine": ", ".join(filter(None, (c.engine, server))),
            "sampling": ", ".join(f"{k} {v}" for k, v in c.sampling.items()),
            "versions": ", ".join(f"{k} {v}" for k, v in sorted(c.versions.items())) or w("unknown"),
            "machine": c.machine or w("unknown"),
            "kinds": ", ".join(f"{k or DASH} {n}" for k, n in self._p.questions.kinds.items()) or w("none"),
            "valid": w("valid_value", issued=form.date(self._p.issued), expires=form.date(self._p.expires)),
            "voids": self._and.join(w(f"void_{void.name}") for void in self._p.voids),
            "shown": str(len(self._p.questions.shown) or w("none")),
        }

    def _after(self) -> dict[str, str]:
        w, form, p = self._w, self._form, self._p
        agreed = AcceptancePlan(1, p.promise.margin, _TOLERANCE, study=p.promise.differences)
        asked = ""
        for each in outlooks(p, agreed):
            accept, refuse = (w("over") if n is None else form.integer(n) for n in each.needed())
            asked += w(
                "acceptance_value" if each.paired else "acceptance_apart", accept=accept, refuse=refuse
            )
        sealed = w("none")
        if p.questions.sealed:
            sealed = w("sealed_value", count=p.questions.sealed_count, root=p.questions.sealed[:16])
        full = p.fallback == "full thinking"
        return {
            "watch": w("watch_value"),
            "what_fallback": w("fallback_full") if full else p.fallback,
            "fallback": w("fallback_full") if full else p.fallback,
            "accept": accept,
            "acceptance": asked,
            "sealed": sealed,
            "when": w("when_value"),
        }
