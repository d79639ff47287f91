"""Checking a passport against what is on this machine, or behind a server."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from karui import tasks
from karui.codec.disk import reading
from karui.core.engine import Engine, engine_name, engine_server
from karui.core.errors import InputError
from karui.domain.features import features
from karui.measure.machine import versions
from karui.models import place
from karui.models.weights import digest, file_digest
from karui.passport.dsse import parsed
from karui.passport.keys import read_public
from karui.passport.model_files import file_sha256, model_files, template_digest
from karui.passport.verify import Checked, Present, Traffic, verify
from karui.recording.store import read_manifest
from karui.serving_profile import FILE as PROFILE
from karui.serving_profile import ServingProfile
from karui.study.loop import blocking


@dataclass(frozen=True, kw_only=True)
class Against:
    """What a passport is checked against.

    Attributes:
        model: Folder, GGUF file, name on the Hub or server; "" where none is looked at.
        recording: Folder of a recording that was made with what is there; None where there is none.
        study: The study that it was made of; None where it is not at hand.
        sampling: How tokens are to be drawn, as far as it is known, by name.
        traffic: Questions that are asked now, a file or a name of `karui tasks`; "" where none are looked at.
        expectation: The study's expectation.json, by which they are compared; None is that of the study.
    """

    model: str = ""
    recording: Path | None = None
    study: Path | None = None
    sampling: Mapping[str, Any] | None = None
    traffic: str = ""
    expectation: Path | None = None


def check_passport(
    passport: Path | str, key: Path | str, against: Against | None = None, now: datetime | None = None
) -> Checked:
    """Checks a passport: signature, time, and whether what is there is what was promised of.

    Nothing asks the network unless the model is a server or a name on the Hub.

    Args:
        passport: The file.
        key: The issuer's public key, a PEM file.
        against: What is there.
        now: The time; None is that of this machine.

    Raises:
        InputError: The file is no passport, the key is none, or a model is not there.
    """
    path, against = Path(passport), against or Against()
    with reading(path, "Give the passport.json that `karui passport` wrote.", format="JSON"):
        envelope = parsed(path.read_text(encoding="utf-8"))
    return verify(envelope, read_public(Path(key)), present(against), now)


def present(against: Against) -> Present:
    """Returns what is there.

    Raises:
        KaruiError: The model, recording or study cannot be read.
    """
    known: dict[str, Any] = {}
    if against.recording is not None:
        manifest = read_manifest(against.recording)
        known |= {
            "digest": manifest.model.digest,
            "template": template_digest(manifest.thinking),
            "engine": manifest.engine,
            "server": manifest.server,
            "versions": manifest.versions,
            "sampling": asdict(manifest.sampling),
        }
    if against.model:
        known |= _of_model(against.model)
    if against.sampling:
        known["sampling"] = against.sampling
    if against.study is not None:
        file = against.study if against.study.is_file() else against.study / "study.json"
        known["study"] = file_sha256(file)
    if against.traffic:
        known["traffic"] = traffic_of(against)
    return Present(**known)


def traffic_of(against: Against) -> Traffic:
    """Returns how many of the questions asked now are unlike the study's; one asked again counts once.

    Raises:
        InputError: There is no expectation.json to compare them by, or it knows no questions.
        KaruiError: The questions cannot be read.
    """
    folder = against.study.parent if against.study and against.study.is_file() else against.study
    file = against.expectation or (folder / PROFILE if folder else None)
    if file is None:
        raise InputError(
            "Traffic is compared by what the study found of its questions.",
            remedy="Give its expectation.json, which lies beside choice.json: --expectation FILE.",
        )
    domain = ServingProfile.load(file).domain
    if domain is None:
        return Traffic(0, 0, "")
    task = tasks.load(against.traffic, need_reference=False)
    prompts = {features(p).whole: p for p in map(task.prompt, task.questions)}
    unlike = sum(domain.compare(p, task.instruction).unlike for p in prompts.values())
    return Traffic(len(prompts), unlike, domain.digest)


def _of_model(model: str) -> dict[str, Any]:
    path = Path(place(model)).expanduser()
    if path.exists():
        found = digest(path) if path.is_dir() else file_digest(path)
        return {"digest": found, "files": model_files(path), "versions": versions()}
    from karui import engines

    engine = engines.load(model)
    try:
        return of_engine(engine)
    finally:
        blocking(engine.close)()


def of_engine(engine: Engine) -> dict[str, Any]:
    """Returns what an engine that is loaded tells of itself."""
    return {
        "digest": engine.card.digest,
        "template": template_digest(engine.thinks),
        "engine": engine_name(engine),
        "server": engine_server(engine),
    }
