"""`karui probe FOLDER`: how a model thinks, from its tokenizer alone."""

import json

import pytest
from typer.testing import CliRunner

from karui.cli.console import table
from karui.cli.main import app
from tests.helpers import tiny

MAGISTRAL = (
    "{% for m in messages %}{% if m.role == 'assistant' %}<|im_start|>{% if m.content is string %}"
    "{{ m.content }}{% else %}{% for b in m.content %}{% if b.type == 'thinking' %}[THINK]{{ b.thinking }}"
    "[/THINK]{% else %}{{ b.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>"
    "{% else %}<|{{ m.role }}|>{{ m.content }}<|im_end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>{% endif %}"
)


def run(*arguments):
    result = CliRunner().invoke(app, ["probe", *map(str, arguments)])
    return result.exit_code, result.output


@pytest.fixture
def folder(tmp_path):
    tiny.save(tmp_path / "model", template=MAGISTRAL)
    return tmp_path / "model"


def test_the_table_says_what_was_found_and_how(folder):
    code, said = run(folder)
    assert code == 0
    assert "[THINK] … [/THINK]" in said
    assert "kept (parts)" in said
    assert "how" in said.splitlines()[0]


def test_json_has_the_same_for_programs(folder):
    code, said = run(folder, "--json")
    assert code == 0
    thinking = json.loads(said)["thinking"]
    assert (thinking["open"], thinking["close"], thinking["history"]) == ("[THINK]", "[/THINK]", "parts")
    assert {"what", "value", "how"} == set(thinking["findings"][0])


def test_what_the_user_says_is_shown_as_that(folder, tmp_path):
    said = tmp_path / "said.toml"
    said.write_text('close = "[/MULL]"\nopen = "[MULL]"\n')
    code, text = run(folder, "--thinking", said)
    assert code == 0
    assert "[MULL] … [/MULL]" in text
    assert "as the user says" in text


def test_weights_are_not_needed_only_the_tokenizer(folder):
    (folder / "model.safetensors").write_bytes(b"no weights at all")
    assert run(folder)[0] == 0


def test_cells_of_tables_are_text_and_no_markup(capsys):
    table(("what", "found"), [("[/THINK]", "[bold]x"), ('[redact] path = "[/\\w]+"', "")])
    said = capsys.readouterr().out
    assert "[/THINK]" in said
    assert "[bold]x" in said
    assert "[/\\w]+" in said
