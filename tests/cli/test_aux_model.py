"""Plans over several models, from the command line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from karui.cli.main import app
from karui.core.recording import Recording
from karui.measure.cost import TokenPrices
from karui.recording.store import save
from karui.study.options import StudyOptions, assumptions_of, fair, rule_of
from karui.testing.synthetic import sibling, synthetic

CONFIG = {
    "model_type": "qwen3",
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 100,
}
LITTLE = {**CONFIG, "hidden_size": 32, "num_hidden_layers": 2}


def karui(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words])


def carded(recording: Recording, **card: object) -> Recording:
    model = replace(recording.manifest.model, **card)  # type: ignore[arg-type]
    return replace(recording, manifest=replace(recording.manifest, model=model))


MAIN = carded(synthetic(16, 3, tokens=100, truncated=0.0), config=CONFIG, weight_bytes=100_000)
SMALL = carded(sibling(MAIN, samples=3, tokens=60), config=LITTLE, weight_bytes=20_000)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("two")
    for name, made in {"main": MAIN, "small": SMALL}.items():
        save(made, place / name)
    return {name: place / name for name in ("main", "small")}


def test_replay_of_a_cascade(folders: dict[str, Path]) -> None:
    plan = "cascade:threshold=0.9 + token-cap:tokens=200"
    words = ("replay", folders["main"], "--aux-model", f"small={folders['small']}", "--plan", plan)
    found = json.loads(karui(*words, "--json").stdout)["plans"][0]
    models = found["measurement"]["models"]
    assert models["small"]["asked"] == 1.0
    assert 0 < models["main"]["asked"] < 1
    assert found["measurement"]["flops"] == pytest.approx(sum(m["flops"] for m in models.values()))
    assert found["measurement"]["weight_bytes"] == 120_000
    assert "FLOPs" in karui(*words).output


def test_the_other_recording_is_asked_for_by_name(folders: dict[str, Path]) -> None:
    words = ("replay", folders["main"], "--plan", "cascade")
    refused = karui(*words)
    assert refused.exit_code == 2
    assert "--aux-model small=RECORDING" in refused.output
    assert (
        "'tiny'"
        in karui(
            *words[:2], "--plan", "cascade:model=tiny", "--aux-model", f"small={folders['small']}"
        ).output
    )


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("small", "name=RECORDING"),
        ("main=X", "is taken"),
        ("=X", "name=RECORDING"),
        ("small=nowhere", "nowhere"),
    ],
)
def test_a_slip_in_beside_is_named(folders: dict[str, Path], word: str, told: str) -> None:
    done = karui("choose", folders["main"], "--aux-model", word)
    assert done.exit_code == 2
    assert told in done.output


def test_choose_puts_cascades_into_the_space_and_compares_by_flops(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    done = karui("choose", folders["main"], "--aux-model", f"small={folders['small']}", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "no axis was named: flops made small" in done.output
    choice = json.loads((tmp_path / "choice.json").read_text())
    assert choice["rule"]["minimize"] == "flops"
    assert choice["beside"]["small"]["weight_bytes"] == 20_000
    assert set(choice["recordings"]) == {"main", "beside small"}
    study = json.loads((tmp_path / "study.json").read_text())
    plans = [p["measurement"] for p in study["plans"]]
    assert any(len(m["models"]) == 2 and "token-cap" in m["label"] for m in plans)
    assert any("cascade" in i["both"] for i in study["interactions"])
    assert study["examples"] or choice["candidate"] is None


def test_the_fair_axis_is_only_for_those_who_named_none() -> None:
    said, unsaid = (
        StudyOptions(rule_of(2.0, 0.95, "", "")),
        StudyOptions(rule_of(2.0, 0.95, "", ""), named=False),
    )
    assert fair(unsaid, [MAIN, SMALL]).rule.minimize == "flops"
    assert fair(said, [MAIN, SMALL]).rule.minimize == "tokens"
    assert fair(unsaid, [MAIN, MAIN]).rule.minimize == "tokens"
    assert fair(unsaid, [MAIN, carded(SMALL, config={})]).rule.minimize == "tokens"  # cannot be counted


def test_a_model_beside_may_have_prices_of_its_own() -> None:
    words = ["price_prompt=1", "price_output=8", "small.price_output=0.5", "machine_price_per_hour=3"]
    footing = StudyOptions(
        rule_of(2.0, 0.95, "cost", ""), assumptions_of(dict(word.split("=") for word in words))
    ).footing
    assert footing.prices == TokenPrices(1, 1, 8, "USD")
    assert footing.own_prices == {"small": TokenPrices(1, 1, 0.5, "USD")}  # what was not said is common
    assert footing.machine is not None
    assert not StudyOptions(rule_of(2.0, 0.95, "cost", "")).footing.priced
