"""Options are declared once, and the command line, keywords and a TOML file fill them alike."""

from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from typer.testing import CliRunner, Result

from karui.cli.main import app
from karui.core.errors import InputError, UnknownName
from karui.study.api.arguments import config_of
from karui.study.config import keywords
from karui.study.config.fields import filled, flat, options_of
from karui.study.config.schema import ChooseConfig, ModelOptions, RecordConfig, RunConfig, StudyConfig
from karui.study.config.toml import config_text, read_config
from karui.study.config.verbs import ImportOptions, MakeOptions, ProfileOptions, ServeOptions, TrialsOptions

CONFIGS = (
    StudyConfig,
    RecordConfig,
    ChooseConfig,
    RunConfig,
    MakeOptions,
    ServeOptions,
    ImportOptions,
    TrialsOptions,
    ProfileOptions,
)
ARGUMENTS = {"model", "questions"}
"""Options that the public functions take as arguments of their own."""


def karui(*words: object) -> Result:
    return CliRunner().invoke(app, [str(w) for w in words])


@pytest.mark.parametrize("config", CONFIGS)
def test_every_option_has_a_help_and_a_name_of_its_own(config: type) -> None:
    names = [name for name, _, _ in options_of(config)]
    assert len(names) == len(set(names))
    for name, option, _ in options_of(config):
        assert option.metadata["help"].endswith("."), name


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (StudyConfig, keywords.StudyKeywords),
        (RecordConfig, keywords.RecordKeywords),
        (ChooseConfig, keywords.ChooseKeywords),
        (MakeOptions, keywords.MakeKeywords),
        (ModelOptions, keywords.ModelKeywords),
    ],
)
def test_keywords_are_the_options(config: type, words: type) -> None:
    options = {name: kind for name, _, kind in options_of(config)}
    hints = get_type_hints(words)
    assert hints.keys() == options.keys() - ARGUMENTS
    for name, kind in hints.items():
        wanted = options[name]
        if get_origin(wanted) in {tuple, Literal} or isinstance(wanted, UnionType) or wanted is Path:
            assert set(_simple(wanted)) <= set(_simple(kind)), name
        elif get_origin(wanted) is None:
            assert kind is wanted, name


def _simple(kind: Any) -> list[Any]:
    """The plain types and values that a hint is made of."""
    parts = [part for arg in get_args(kind) if arg is not ... for part in _simple(arg)]
    return parts or [kind]


def test_a_file_holds_what_the_options_are_called(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        'model = "m"\nmax-drop = 3\nvariants = ["smaller"]\nconfirm = false\nout = "here"\n'
        "[assume]\nprice_output = 2.0\n[assume.small]\nprice_output = 0.2\n"
    )
    made = config_of(StudyConfig, file, {"samples": 2, "variant": "no-thinking"})
    assert (made.model.model, made.objective.max_drop, made.run.confirm) == ("m", 3, False)
    assert (made.variants.variants, made.variants.variant) == (("smaller",), ("no-thinking",))
    assert (made.sampling.samples, made.output.out) == (2, Path("here"))
    assert made.objective.assume["small"] == {"price_output": 0.2}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max_dorp = 2", "Did you mean 'max_drop'"),
        ('max_drop = "2"', "max_drop"),
        ("samples = 2.5", "samples"),
        ("confirm = 1", "confirm"),
        ('lang = "fr"', "lang"),
        ('variant = "no-thinking"', "variant"),
        ("[model]\nname = 1", "model"),
        ("=", "as TOML"),
    ],
)
def test_a_slip_in_a_file_is_named(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        read_config(file, StudyConfig)
    assert told in str(error.value)
    done = karui("poc", "--config", file, "--write-config")
    assert done.exit_code == 2
    assert told in done.output


def test_a_keyword_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="max_dorp") as error:
        filled(StudyConfig, {"max_dorp": 2})
    assert "max_drop" in error.value.remedy


def test_options_win_over_the_file_and_are_written_as_one(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text("max_drop = 3.0\nsamples = 8\n")
    words = ("--max-drop", "1.5", "--variant", "no-thinking", "--assume", "price_output=2", "--no-confirm")
    done = karui("poc", "--config", file, *words, "--write-config")
    assert done.exit_code == 0, done.output
    again = tmp_path / "again.toml"
    again.write_text(done.stdout)
    read = filled(StudyConfig, read_config(again, StudyConfig))
    assert (read.objective.max_drop, read.sampling.samples, read.run.confirm) == (1.5, 8, False)
    assert (read.variants.variant, dict(read.objective.assume)) == (("no-thinking",), {"price_output": "2"})
    assert config_text(read) == done.stdout


def test_the_command_line_has_the_defaults_of_the_classes() -> None:
    done = karui("record", "--write-config")
    assert done.stdout == config_text(RecordConfig())
    assert flat(RecordConfig())["questions"] == "mini"


def test_a_default_of_the_command_line_gives_way_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "choose.toml"
    file.write_text('out = "from-file"\n')
    assert 'out = "choice"' in karui("choose", "nowhere", "--write-config").stdout
    assert 'out = "from-file"' in karui("choose", "nowhere", "--config", file, "--write-config").stdout
