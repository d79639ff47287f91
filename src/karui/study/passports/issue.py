"""Writing a passport: of a study's folder, with a key, in every format."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from karui.codec.disk import writing
from karui.core.errors import InputError
from karui.models import place
from karui.models.weights import digest, file_digest
from karui.passport import cyclonedx, hugging_face, sealed, statement
from karui.passport.document import Passport
from karui.passport.dsse import sealed as signed
from karui.passport.issue import DAYS, IssueOptions, issue
from karui.passport.keys import Signer, read_private
from karui.passport.model_files import file_sha256, model_files
from karui.recording.questions import QUESTIONS, read_questions
from karui.study.result import Study

PASSPORT, CARD = "passport.json", "model-card.md"
BOM, EVAL_RESULTS = "cyclonedx.json", ".eval_results/karui.yaml"
_STUDY = "study.json"


@dataclass(frozen=True, kw_only=True)
class Writing:
    """What the issuer decides, besides study and key.

    Attributes:
        issuer: Who promises.
        days: For how long.
        model: The model's folder or file; "" is the one that the study names, where that is on this machine.
        commitment: File of the commitment to sealed questions; None where there is none.
        show_questions: Whether the questions' texts are written down.
        benchmark: The benchmark dataset on the Hub that the questions are, as DATASET:TASK; "" for none.
        now: The time of issue; None is now.
    """

    issuer: str = ""
    days: float = DAYS
    model: str = ""
    commitment: Path | None = None
    show_questions: bool = False
    benchmark: str = ""
    now: datetime | None = None


def passport_of(study: Study, given: Writing) -> Passport:
    """Returns the passport of a study that was written down.

    Raises:
        InputError: The study has no folder, has nothing to promise, or is not of the model given.
    """
    if study.path is None:
        raise InputError("The study is in memory only.", remedy="Save it first: study.save(FOLDER).")
    recording = study.path / "recording"
    committed = sealed.read_commitment(given.commitment) if given.commitment else []
    return issue(
        study.data,
        IssueOptions(
            issuer=given.issuer,
            days=given.days,
            files=_files(study, given.model),
            asked=read_questions(recording) if (recording / QUESTIONS).exists() else (),
            show_questions=given.show_questions,
            sealed=(sealed.root(committed), len(committed)) if committed else ("", 0),
            evidence={_STUDY: file_sha256(study.path / _STUDY)},
            now=given.now or datetime.now(UTC),
        ),
    )


def write_passport(study: Study | Path | str, key: Path | str, out: Path | str, given: Writing) -> list[Path]:
    """Writes the passport of a study, signed, and what it says in other projects' formats.

    Args:
        study: The study or its folder.
        key: The issuer's private key, a PEM file.
        out: A folder.
        given: What the issuer decides.

    Returns:
        The files, the passport first.

    Raises:
        InputError: As `passport_of`; or the key cannot be read, or a library is missing.
        StorageError: A file cannot be written.
    """
    study = study if isinstance(study, Study) else Study.load(study)
    signer, out = read_private(Path(key)), Path(out)
    passport = passport_of(study, given)
    texts = written(passport, signer, given.benchmark)
    for name, content in texts.items():
        path = out / name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    return [out / name for name in texts]


def written(passport: Passport, signer: Signer, benchmark: str = "") -> dict[str, str]:
    """Returns the files of a passport by name.

    Raises:
        InputError: A library is missing, or the benchmark cannot be read.
    """
    bom = cyclonedx.bom(passport)
    statements = {
        PASSPORT: statement.of_passport(passport),
        "test-result.intoto.json": statement.of_test_result(passport),
        "svr.intoto.json": statement.of_verification(passport),
        "cyclonedx.intoto.json": statement.of_bom(passport, bom),
    }
    texts = {name: _json(signed(told, [signer])) for name, told in statements.items()}
    texts |= {BOM: _json(bom), CARD: hugging_face.model_card(passport)}
    if benchmark:
        about = hugging_face.Benchmark.parse(benchmark)
        texts[EVAL_RESULTS] = hugging_face.eval_results(passport, about)
    return texts


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _files(study: Study, model: str) -> dict[str, str]:
    """Returns the SHA-256 of the model's files; {} where the study's model is not on this machine."""
    card = study.choice.model
    path = Path(place(model or card.name)).expanduser()
    if not path.exists():
        if model:
            raise InputError(f"There is no {path}.", remedy="Give the model's folder, or its GGUF file.")
        return {}
    found = digest(path) if path.is_dir() else file_digest(path)
    if card.digest and found != card.digest:
        raise InputError(
            f"{path} is not the model of the study.",
            why=f"Its digest is {found}; the study was made on {card.digest}.",
            remedy="Give the model that was measured: --model FOLDER.",
        )
    return model_files(path)
