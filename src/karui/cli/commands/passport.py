"""`karui passport`: what was promised, signed; checked, accepted by sampling, sealed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperGroup

from karui.cli.console import explained
from karui.cli.options import Json, Lang, configured
from karui.cli.usage import Verb
from karui.study.config.passport import CheckOptions, IssueOptions, VerifyOptions

if TYPE_CHECKING:
    from karui.passport.acceptance import AcceptancePlan
    from karui.passport.document import Passport
    from karui.passport.verify import Checked

REFUSED, CONTRADICTED, UNDECIDED = 1, 3, 5
"""What `verify` exits with where the passport does not hold, and where an acceptance does not accept:
margin or figures contradicted, or nothing decided."""


class _Issuing(TyperGroup):
    """A group whose first word may be a study: `karui passport STUDY` issues."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts `issue` in front of what is no command."""
        known = set(self.commands) | {"--help"}
        return super().parse_args(ctx, args if not args or args[0] in known else ["issue", *args])


app = typer.Typer(
    cls=_Issuing,
    help="What was promised of a plan, signed: `karui passport STUDY` issues it, `verify` checks it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@configured(IssueOptions, files=False)
def issue(
    options: IssueOptions,
    study: Path = typer.Argument(help="A study.json, or the folder that holds one."),
) -> None:
    """Write the passport of a study, signed: as in-toto statements, CycloneDX 1.7 and a Hub model card."""
    from karui.study.passports.issue import Writing, write_passport

    given = Writing(
        issuer=options.issuer,
        days=options.days,
        model=options.model,
        commitment=options.sealed,
        show_questions=options.show_questions,
        benchmark=options.hub_benchmark,
    )
    for path in write_passport(study, options.key, options.out, given):
        typer.echo(path)


@configured(VerifyOptions, files=False)
def verify(
    options: VerifyOptions,
    passport: Path = typer.Argument(help="The passport.json of an issuer."),
    lang: Lang = "en",
    as_json: Json = False,
) -> None:
    """Check a passport; with --reproduce N, accept or contradict its promise on N questions, run live.

    Exit code 0: it holds (and is accepted); 1: it does not hold; 3: contradicted, or the study's figures are
    not reproduced; 5: undecided. After an update the passport does not hold any more; with --updated the
    acceptance says whether the promise does.
    """
    from karui.cli.console import say
    from karui.passport.acceptance import AcceptancePlan
    from karui.passport.words import PassportWords

    words, checked = PassportWords(lang), _checked(passport, options.check)
    for line in words.checked(checked):
        say(line)
    asked, told = options.acceptance, _told(checked)
    judged = bool(asked.updated and asked.reproduce and checked.updated)
    if checked.passport is None or not (checked.holds or judged):
        _end(told, REFUSED, as_json=as_json)
    assert checked.passport is not None
    if judged:
        say(words.updated())
    if not asked.reproduce:
        _end(told, 0, as_json=as_json)
    p = checked.passport.promise
    errors = (asked.tolerance / 100, asked.alpha, asked.beta)
    plan = AcceptancePlan(asked.reproduce, p.margin, *errors, asked.samples, p.differences)
    _say_plan(words, plan, checked.passport, options.check.model)
    code = 0
    if not asked.plan_only:
        told["acceptance"], code = _accept(words, plan, checked.passport, options)
    _end(told, code, as_json=as_json)


def _checked(passport: Path, options: CheckOptions) -> "Checked":
    from karui.study.passports.verify import Against, check_passport

    against = Against(
        model=options.model,
        recording=options.recording,
        study=options.study,
        traffic=options.traffic,
        expectation=options.expectation,
    )
    return check_passport(passport, options.key, against)


def _told(checked: "Checked") -> dict[str, Any]:
    """Returns what a program is told of a check."""
    from karui.codec.values import encode

    return {
        "holds": checked.holds,
        "findings": encode(checked.findings),
        "passport": encode(checked.passport),
        "acceptance": None,
    }


def _end(told: dict[str, Any], code: int, *, as_json: bool) -> NoReturn:
    import json

    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False))
    raise typer.Exit(code)


def _say_plan(words: Any, plan: "AcceptancePlan", passport: "Passport", model: str) -> None:
    from karui.cli.console import say
    from karui.passport.acceptance import outlooks

    served = model.startswith(("http://", "https://")) if model else None
    paired, *apart = outlooks(passport, plan, served=served)
    losses = (paired.loss, plan.margin + plan.tolerance, paired.loss + plan.tolerance)
    true, beyond, above = map(paired.if_it_loses, losses)
    say(words.planned(plan, true, beyond))
    say(words.tested(plan, true, beyond, above))
    say(words.needed(plan, *paired.needed()))
    for line in (line for each in apart for line in words.apart(plan, each)):
        say(line)


def _accept(
    words: Any, plan: "AcceptancePlan", passport: "Passport", options: VerifyOptions
) -> tuple[dict[str, Any], int]:
    """Runs it, and returns what a program is told of it and the exit code."""
    from zlib import crc32

    from karui.cli.console import Steps, say
    from karui.codec.values import encode
    from karui.core.errors import InputError
    from karui.passport.acceptance import Acceptance
    from karui.study.config.schema import ModelOptions
    from karui.study.passports.accept import Live, accept, opened_task
    from karui.study.workspace import task_of

    asked = options.acceptance
    if asked.opened and asked.commitment:
        task = opened_task(passport, asked.opened, asked.commitment, asked.seed)
        say(words.opened(len(task.questions)))
    elif asked.questions:
        task = task_of(asked.questions)
    else:
        raise InputError(
            "An acceptance needs questions.",
            remedy="Give --questions FILE; or --opened FILE, --commitment FILE and --seed WORD.",
        )
    model = ModelOptions(model=options.check.model or passport.model.name, concurrency=asked.concurrency)
    with Steps() as steps:
        found = accept(passport, task, plan, Live(model=model, seed=crc32(asked.seed.encode())), steps)
    for line in words.accepted(found, plan):
        say(line)
    codes = {Acceptance.ACCEPTED: 0, Acceptance.UNDECIDED: UNDECIDED}
    return encode(found), codes.get(found.verdict, CONTRADICTED)


@configured(CheckOptions, files=False)
def diff(
    options: CheckOptions,
    old: Path = typer.Argument(help="The passport.json that there is."),
    new: Path | None = typer.Argument(
        None, help="Another one; else what is there, by --model or --recording."
    ),
    lang: Lang = "en",
    as_json: Json = False,
) -> None:
    """Tell what an update asks for: what has to be measured again, what not, and what that costs.

    Exit code 0: nothing has to be measured; 1: something has.
    """
    import json

    from karui.cli.console import say
    from karui.codec.values import encode
    from karui.passport.diff import Effort, diff, of_findings
    from karui.passport.words import PassportWords

    words, checked = PassportWords(lang), _checked(old, options)
    other = _checked(new, CheckOptions(key=options.key)) if new else None
    for each in (checked, other) if other else (checked,):
        if each.passport is None:
            for line in words.checked(each):
                say(line)
            raise typer.Exit(REFUSED)
    assert checked.passport is not None
    if other is not None and other.passport is not None:
        found = diff(checked.passport, other.passport)
    else:
        found = of_findings(checked.passport, checked.findings)
    for line in words.diff(found):
        say(line)
    if as_json:
        typer.echo(json.dumps(encode(found), ensure_ascii=False, indent=1))
    if found.effort not in {None, Effort.SIGN}:
        raise typer.Exit(REFUSED)


def sheet(
    passport: Path = typer.Argument(help="The passport.json of an issuer."),
    key: Path = typer.Option(Path("passport.pub"), help="Public key of the issuer, a PEM file."),
    out: Path = typer.Option(Path("contract.xlsx"), help="File: .md, .html or .xlsx."),
    lang: Lang = "en",
) -> None:
    """Write the contract sheet of a passport: a form for people, and a table of clauses."""
    from karui.cli.console import say
    from karui.passport.contract import sheet as sheet_of
    from karui.passport.sheet_files import write_sheet
    from karui.passport.words import PassportWords

    checked = _checked(passport, CheckOptions(key=key))
    if checked.passport is None or not checked.holds:
        for line in PassportWords(lang).checked(checked):
            say(line)
        raise typer.Exit(REFUSED)
    write_sheet(sheet_of(checked.passport, lang), out)
    typer.echo(out)


def new_key(folder: Path = typer.Argument(Path(), help="Folder for the two files.")) -> None:
    """Make a pair of Ed25519 keys: passport.key signs, passport.pub is handed out."""
    from karui.passport.keys import new_keys

    for path in new_keys(folder):
        typer.echo(path)


def seal(
    questions: Path = typer.Argument(help="A .jsonl file of questions with their answers."),
    out: Path = typer.Option(Path("sealed"), help="Folder for commitment.json and opening.json."),
) -> None:
    """Seal questions: publish commitment.json, keep opening.json, open what is asked for."""
    import json

    from karui.codec.disk import reading
    from karui.passport.sealed import seal as sealed
    from karui.passport.sealed import write_seal

    with reading(questions, "Give a file of JSON lines, one question each.", format="JSON lines"):
        lines = questions.read_text(encoding="utf-8").split("\n")
        rows = [dict(json.loads(line)) for line in lines if line.strip()]
    for path in write_seal(sealed(rows), out):
        typer.echo(path)


def open_(
    opening: Path = typer.Argument(help="The opening.json of the seal."),
    count: int = typer.Option(..., help="Number of questions that are asked for.", min=1),
    seed: str = typer.Option(..., help="Seed that the buyer named."),
    out: Path = typer.Option(Path("opened.json"), help="File for the opened questions."),
) -> None:
    """Open the sealed questions that a seed draws."""
    from karui.passport.sealed import drawn, read_openings, write_openings

    found = {o.digest: o for o in read_openings(opening)}
    write_openings([found[d] for d in drawn(list(found), count, seed)], out)
    typer.echo(out)


for _name, _run, _line in (
    ("issue", issue, "Write the passport of a study, signed."),
    ("verify", verify, "Check a passport; accept or contradict its promise on questions run live."),
    ("diff", diff, "Tell what an update asks for."),
    ("sheet", sheet, "Write the contract sheet of a passport."),
    ("new-key", new_key, "Make a pair of keys."),
    ("seal", seal, "Seal questions: publish a commitment, keep the questions."),
    ("open", open_, "Open sealed questions that a seed draws."),
):
    app.command(_name, cls=Verb, short_help=_line)(explained()(_run))
