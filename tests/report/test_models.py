"""The section on several models: every axis, honest remarks, screening, interaction."""

from dataclasses import replace

import pytest

from karui.core.study import Interaction, Made, ModelProfile, ModelVersion, PartFigures, RaceResult, Screening
from karui.core.study.choice import Axis
from karui.i18n.report import (
    DOMAIN,
    EVIDENCE,
    FAILING,
    FIRST,
    IMPORTS,
    JUDGE,
    LANGUAGES,
    LIMITS,
    LOOKS,
    MISBEHAVIOUR,
    MODELS,
    TABLE,
)
from karui.report import write
from karui.report.context import Context
from karui.report.sections.models import fastest, remark, screening


def weight(name, dtype, disk, loaded, speed, engine="transformers"):
    return ModelProfile(
        model=name,
        engine=engine,
        dtype=dtype,
        parameters=19_670_000,
        disk_bytes=disk,
        loaded_bytes=loaded,
        resident_bytes=loaded + 30_000_000,
        kv_bytes_per_token=6144.0,
        flops_per_token=4.3e7,
        speed=speed,
        load_seconds=1.2,
        machine="Linux x86_64, 2 × CPU",
        options={},
    )


@pytest.fixture
def several(study):
    """The model as it came, int8, a 4-bit one that is unpacked, a GGUF, and one that was screened out."""
    made = Made(12.0, peak_bytes=400_000_000.0)
    whole = weight("karui-mini", "float32", 78_700_000, 78_700_000, {1: 110.0, 32: 600.0})
    int8 = weight("karui-mini", "int8", 21_000_000, 22_000_000, {1: 180.0, 32: 700.0})
    w4 = weight("karui-mini", "w4a16", 12_000_000, 78_700_000, {1: 100.0, 32: 590.0})
    gguf = weight("karui-mini", "q8_0", 21_000_000, 21_000_000, {1: 420.0, 32: 1500.0}, "llama_cpp")
    first = study.plans[0]
    labels = {"int8-weights": int8, "w4a16(method=gptq)": w4, "gguf(type=q8_0)": gguf}
    models = (
        ModelVersion("karui-mini", "", whole, None, study.baseline),
        *(
            ModelVersion("karui-mini", label, found, made, first.measurement, first.comparison)
            for label, found in labels.items()
        ),
        ModelVersion("karui-mini", "prune-depth(layers=4)", None, made),
    )
    standings = (
        RaceResult("int8-weights", 30, 0.95, 0.5, 0.4, kept=True),
        RaceResult("prune-depth(layers=4)", 8, 0.2, 0.7, -3.0),
    )
    pair = Interaction(
        "int8-weights",
        "token-cap(tokens=100)",
        "int8-weights + token-cap(tokens=100)",
        {Axis.TOKENS: PartFigures(1.02, 0.4, 0.42), Axis.MEMORY: PartFigures(0.3, 0.95, 0.29)},
        PartFigures(0.002, 0.01, 0.013),
    )
    race = Screening(standings, 38, 362)
    return replace(study, models=models, screening=race, interactions=(pair,))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_model_and_axis_is_shown(several, tmp_path, lang):
    html, md, as_json = write(several, tmp_path, lang)
    page, column = html.read_text(encoding="utf-8"), LANGUAGES.index(lang)
    for entry in several.models:
        assert entry.label in page
    for key in ("models", "loaded", "kv_token", "flops_token", "made_in", "interaction", "if_independent"):
        assert TABLE[key][column] in page, key
    assert "0.41×" in page  # 1.02 × 0.4, if independent
    assert "int8-weights" in md.read_text(encoding="utf-8")
    assert '"interactions"' in as_json.read_text(encoding="utf-8")


def test_a_format_that_saves_nothing_here_says_so(several):
    c = Context.of(several, "en")
    first, int8, w4, gguf, out = several.models
    assert remark(c, first, first) == remark(c, int8, first) == remark(c, gguf, first) == ""
    assert remark(c, w4, first) == "; ".join([TABLE["no_saving_loaded"][0], TABLE["no_faster"][0]])
    assert remark(c, out, first) == ""


def test_the_fastest_is_named_with_its_engine(several):
    said = fastest(Context.of(several, "en"), several.models)
    assert len(said) == 2
    assert said[0].endswith("1 at once: gguf(type=q8_0) on llama_cpp, 420 tokens per second.")
    assert said[1].endswith("32 at once: gguf(type=q8_0) on llama_cpp, 1,500 tokens per second.")


def test_screening_is_told_with_what_it_spared(several):
    said = screening(Context.of(several, "en"))
    assert "2 versions" in said
    assert "1 went on" in said
    assert "took 38 traces and spared 362" in said


def test_a_study_of_one_model_has_no_such_section(study, tmp_path):
    html, md, _ = write(study, tmp_path, "en")
    assert TABLE["models"][0] not in html.read_text(encoding="utf-8")
    assert TABLE["models"][0] not in md.read_text(encoding="utf-8")


def test_no_string_is_written_twice():
    parts = (FIRST, FAILING, EVIDENCE, IMPORTS, MODELS, MISBEHAVIOUR, LOOKS, DOMAIN, LIMITS, JUDGE)
    assert len(TABLE) == sum(map(len, parts))
