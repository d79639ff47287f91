"""A small certified study of a model whose folder is made by hand, its keys, and its passport."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import karui
from karui.core.engine import ModelInfo
from karui.models.weights import digest
from karui.passport.document import Passport
from karui.passport.keys import new_keys
from karui.recording.store import save
from karui.study.passports.issue import Writing, passport_of
from karui.study.result import Study
from karui.testing.synthetic import synthetic

ISSUED = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """What a supplier has."""

    study: Study
    folder: Path
    model: Path
    passport: Passport


def a_model(folder: Path) -> Path:
    """Writes the files that decide what a model does."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "made-by-hand"}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 8)
    return folder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("supplier")
    model = a_model(folder / "model")
    recording = synthetic(120, 4)
    card = ModelInfo(str(model), digest(model), 1000, "float32", weight_bytes=2048)
    manifest = replace(recording.manifest, model=card, joules_per_token={"rapl": 0.5}, verifier="exact")
    save(replace(recording, manifest=manifest), folder / "study" / "recording")
    study = karui.choose(folder / "study" / "recording", max_drop=20.0, out=folder / "study")
    given = Writing(issuer="A supplier", days=90, now=ISSUED)
    return Made(study, folder / "study", model, passport_of(study, given))


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The supplier's private key and its public one."""
    pytest.importorskip("cryptography")
    return new_keys(tmp_path_factory.mktemp("keys"))
