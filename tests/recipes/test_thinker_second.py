"""Formats, jobs and the second round of recipes.thinker: what needs neither a GPU nor vLLM."""

import json
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file, save_file  # noqa: E402

from karui.recording import store  # noqa: E402
from recipes.thinker import formats, jobs, second, texts  # noqa: E402
from recipes.thinker.assemble import assemble  # noqa: E402
from recipes.thinker.record import _Trace, write  # noqa: E402
from tests.recipes.test_thinker import BOX, BRACE, CLOSE, END, NINE, OPEN, SEVEN, SO, vocabulary  # noqa: E402

RIGHT = [CLOSE, BOX, SEVEN, BRACE, END]


def folder(path, **weights):
    path.mkdir(parents=True)
    save_file(weights, path / "model.safetensors")
    for name in ("config.json", "vocabulary.json"):
        (path / name).write_text("{}")
    return path


@pytest.mark.parametrize(
    ("rounding", "group", "levels"), [(formats.int8, 256, 127), (formats.w4a16, 128, 7.5)]
)
def test_no_weight_moves_further_than_half_a_step_of_its_scale(rounding, group, levels):
    torch.manual_seed(1)
    matrix = torch.randn(8, 256) * torch.logspace(-3, 1, 8)[:, None]
    step = matrix.reshape(8, -1, group).abs().amax(2, keepdim=True) / levels
    off = (rounding(matrix) - matrix).reshape(8, -1, group).abs() / step
    assert 0.3 < float(off.max()) <= 0.52


def test_packed_four_bits_are_those_that_were_rounded_to(tmp_path):
    torch.manual_seed(1)
    name = "model.layers.0.mlp.up_proj.weight"
    weights = {name: torch.randn(4, 256).bfloat16(), formats.EMBEDDING: torch.randn(4, 128).bfloat16()}
    formats.pack_w4a16(folder(tmp_path / "thinker", **weights), tmp_path / "packed")
    found = load_file(tmp_path / "packed" / "model.safetensors")
    words = found[name.replace("weight", "weight_packed")].to(torch.int64)
    whole = ((words[:, :, None] >> (4 * torch.arange(8))) & 15).reshape(4, 256) - 8
    scale = found[name.replace("weight", "weight_scale")].float().repeat_interleave(formats.GROUP, 1)
    assert torch.equal(whole * scale, formats.w4a16(weights[name].float()))
    assert torch.equal(found[formats.EMBEDDING], weights[formats.EMBEDDING])


def test_a_format_rounds_matrices_and_nothing_else(tmp_path):
    weights = {
        "layer.weight": torch.randn(4, 256),
        "norm.weight": torch.randn(256),
        formats.EMBEDDING: torch.randn(4, 256),
    }
    rounding = formats.rounding_of("int8", tmp_path, None)
    moved = formats.make(folder(tmp_path / "thinker", **weights), tmp_path / "int8", rounding, 2)
    found = load_file(tmp_path / "int8" / "model.safetensors")
    assert torch.equal(found["norm.weight"], weights["norm.weight"])
    assert torch.equal(found[formats.EMBEDDING], weights[formats.EMBEDDING].bfloat16())
    assert torch.equal(found["layer.weight"], formats.int8(weights["layer.weight"]).bfloat16())
    assert 0 < moved < 0.01


def test_a_format_without_its_library_is_refused(tmp_path):
    with pytest.raises(ValueError, match="q4_k_m"):
        formats.rounding_of("q4_k_m", tmp_path, None)


def work(tmp_path, **questions):
    (tmp_path / "questions").mkdir()
    vocabulary().save(tmp_path / "vocabulary.json")
    for name, rows in questions.items():
        lines = [
            {"kind": "", "question": "?", "reference": "7", "tokens": [SO], "suffix": [CLOSE, BOX]} | row
            for row in rows
        ]
        file = tmp_path / "questions" / f"{name.replace('_', '-')}.jsonl"
        file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return tmp_path


def recorded(place, ids, *traces):
    place.mkdir(parents=True)
    rows = [{"id": one} for one in ids]
    write(place / "part-0-000.npz", rows, [(n, list(traces)) for n in range(len(ids))])


@pytest.mark.parametrize(("head", "kept"), [(True, ["a"]), (False, ["a", "c"])])
def test_of_a_recording_that_was_broken_off_the_head_is_no_choice_of_short_traces(tmp_path, head, kept):
    work(tmp_path, gsm8k=[{"id": one} for one in "abc"])
    trace = _Trace(0, 0, 0.0, [OPEN, SO, *RIGHT])
    recorded(tmp_path / "raw" / "thinker" / "gsm8k", ["a", "c"], trace)
    assemble(tmp_path, "thinker", "gsm8k", temperature=1.0, max_tokens=9, head=head)
    assert [q.id for q in store.load(tmp_path / "recordings" / "thinker-gsm8k").questions] == kept


def test_only_right_closed_traces_without_loops_are_learned_from_and_the_shortest_are(tmp_path):
    work(tmp_path, more_gsm8k=[{"id": "q", "set": "more-gsm8k"}], more_math=[])
    good = [_Trace(0, n, 0.0, [OPEN, *[SO] * n, *RIGHT]) for n in (3, 1, 2)]
    bad = [
        _Trace(0, 3, 0.0, [OPEN, SO, CLOSE, BOX, NINE, BRACE, END]),  # wrong
        _Trace(0, 4, 0.0, [OPEN, SO, SO], cut=True),
        _Trace(0, 5, 0.0, [OPEN, *[SO] * 400, *RIGHT]),  # in a loop
        _Trace(0, 6, 0.0, [BOX, SEVEN, BRACE, END]),  # never thought
    ]
    recorded(tmp_path / "raw" / "thinker" / "more-gsm8k", ["q"], *good, *bad)
    said = second.choose(tmp_path, "thinker", 1, 1)
    assert (said["kept_traces"], said["shortest"]["examples"], said["random"]["examples"]) == (3, 2, 2)
    learned = texts.load_examples(tmp_path / "examples-shortest.npz", "thinking")
    assert sorted(len(reply) for _, reply in learned) == [7, 8]
    answers = texts.load_examples(tmp_path / "examples-shortest.npz", "answer")
    assert {tuple(reply) for _, reply in answers} == {(BOX, SEVEN, BRACE, END)}


class FakeEngine:
    """Answers every request at once with the same right trace."""

    def __init__(self):
        self.asked, self.loaded = [], 0

    def add_request(self, name, prompt, sampling):
        self.asked.append((name, sampling))

    def apply_model(self, change):
        model = SimpleNamespace(load_weights=lambda weights: setattr(self, "loaded", len(list(weights))))
        change(model)

    def reset_prefix_cache(self):
        pass

    def step(self):
        said = SimpleNamespace(token_ids=[OPEN, SO, *RIGHT], finish_reason="stop", logprobs=None)
        done = [SimpleNamespace(request_id=name, finished=True, outputs=[said]) for name, _ in self.asked]
        self.samplings = [sampling for _, sampling in self.asked]
        self.asked = []
        return done


@pytest.fixture
def engine(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", ModuleType("vllm"))
    sys.modules["vllm"].SamplingParams = SimpleNamespace
    params = ModuleType("vllm.sampling_params")
    params.RequestOutputKind = SimpleNamespace(FINAL_ONLY=2)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", params)
    rows = [{"id": "a", "set": "gsm8k"}, {"id": "b", "set": "gsm8k", "samples": 3, "max_tokens": 50}]
    work(tmp_path, held=rows)
    made = object.__new__(jobs.Engine)
    made.work, made.name, made.model, made.quantization = tmp_path, "a", "base", None
    made.vllm = FakeEngine()
    return made


def test_a_job_waits_for_its_model_and_the_engine_takes_its_weights(engine, tmp_path):
    queue = tmp_path / "jobs"
    jobs.put(tmp_path, "1-late", model="late", files=["held"])
    jobs.put(tmp_path, "2-other", model="thinker", files=["held"], engines=["b"])
    jobs.put(tmp_path, "3-mine", model="thinker", files=["held"], samples=1)
    assert engine._take(queue) is None
    made = folder(tmp_path / "models" / "thinker", weight=torch.zeros(2))
    (made / "vocabulary.json").write_bytes((tmp_path / "vocabulary.json").read_bytes())
    job = engine._take(queue)
    assert job.name == "3-mine"
    assert engine._take(queue) is None
    told = engine._do(job)
    assert (engine.vllm.loaded, engine.model, told["traces"]) == (1, "thinker", 4)
    (part,) = (tmp_path / "raw" / "thinker" / "gsm8k").glob("part-3-mine-*.npz")
    assert np.load(part)["samples"].tolist() == [1, 3]
    assert sorted(s.max_tokens for s in engine.vllm.samplings) == [50, 50, 50, 6144]
