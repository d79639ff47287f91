import re

from bench._families import DOES, read_families


def test_the_table_of_families_is_whole_and_every_template_belongs_to_one_row():
    rows = read_families()
    assert len({r.name for r in rows}) >= 54
    for row in rows:
        assert re.compile(row.keys)
        assert row.does in DOES
        assert row.close
        assert row.words == "" or row.words.count("{}") == 2
    for key in ("trl/qwen3", "trl/qwen3_training", "llama.cpp/GLM-4.6", "hand-made/plamo3", "trl/gemma4_v2"):
        assert [r.name for r in rows if r.holds_for(key)] != []
        assert len([r for r in rows if r.holds_for(key)]) == 1


def test_a_template_that_the_table_does_not_name_is_one_of_a_model_without_thinking():
    assert not [r for r in read_families() if r.holds_for("trl/llama3") or r.holds_for("trl/qwen3x5")]
