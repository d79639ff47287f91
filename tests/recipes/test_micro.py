"""The recipe of karui-micro: what its loss rewards, and what never gets into its training questions."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from recipes.micro import distil  # noqa: E402
from recipes.micro.__main__ import held_out, unseen  # noqa: E402
from recipes.mini.questions import fingerprint  # noqa: E402
from recipes.mini.stream import IGNORED  # noqa: E402
from recipes.mini.thought import Question  # noqa: E402

MINI = Path(__file__).parents[2] / "src" / "karui" / "models" / "mini"


@pytest.fixture(scope="module")
def teacher():
    return distil.TeacherModel(MINI)


def test_kl_is_torchs_own_at_temperature_1():
    torch.manual_seed(0)
    student, taught = torch.randn(2, 3, 11), torch.randn(2, 3, 11)
    categorical = torch.distributions.Categorical
    wanted = torch.distributions.kl_divergence(categorical(logits=taught), categorical(logits=student))
    torch.testing.assert_close(distil.divergence(student, taught, 1.0), wanted)


def test_the_gradient_keeps_its_size_at_a_high_temperature():
    torch.manual_seed(0)
    taught = torch.randn(1, 4, 11)
    sizes = []
    for temperature in (8.0, 16.0):
        student = torch.zeros(1, 4, 11, requires_grad=True)
        distil.divergence(student, taught, temperature).sum().backward()
        sizes.append(float(student.grad.norm()))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


def test_a_student_that_says_what_the_teacher_says_has_only_the_tokens_left_to_learn(teacher):
    torch.manual_seed(0)
    ids = torch.randint(5, 2048, (1, 12))
    labels = ids.roll(-1, 1)
    labels[:, :4] = IGNORED
    taught = teacher.logits(ids)
    assert taught.shape == (1, 12, 2048)
    assert not taught.requires_grad
    hard = torch.nn.functional.cross_entropy(taught[:, 4:].float().flatten(0, 1), labels[:, 4:].flatten())
    loss = teacher.loss(taught.float(), taught, labels)
    assert float(loss) == pytest.approx(teacher.token_share * float(hard), rel=1e-4)


def test_places_that_are_not_learnt_do_not_count(teacher):
    torch.manual_seed(0)
    student, taught = torch.randn(1, 6, 2048), torch.randn(1, 6, 2048)
    labels = torch.tensor([[IGNORED, 7, IGNORED, 9, 5, IGNORED]])
    loss = teacher.loss(student, taught, labels)
    student[:, [0, 2, 5]] += torch.randn(1, 3, 2048)
    torch.testing.assert_close(teacher.loss(student, taught, labels), loss)
    student[:, 1] += torch.randn(1, 2048)
    assert float(teacher.loss(student, taught, labels)) != pytest.approx(float(loss), rel=1e-3)


def test_no_held_out_question_is_trained_on():
    held = held_out(MINI)
    assert len(held) == 300 + 1000 + 400
    row = json.loads((MINI / "questions" / "confirm.jsonl").read_text(encoding="utf-8").splitlines()[0])
    known = Question(row["kind"], row["question"].upper() + "  ", row["answer"], {})
    new = Question("products", "Solve the following multiplication: 1 * 1.", "1", {})
    assert unseen([known, new], held) == [new]


def test_the_student_is_a_quarter_of_its_teacher(teacher):
    from transformers import AutoTokenizer

    from recipes.mini.train import build

    with torch.device("meta"):
        student = build(distil.STUDENT, AutoTokenizer.from_pretrained(MINI))
    assert sum(p.numel() for p in student.parameters()) <= 0.25 * teacher.facts["parameters"]


def test_what_is_practised_is_new_and_mostly_of_the_weak_kind():
    from recipes.micro.practice import OTHERS, WEAK, practice

    held = held_out(MINI)
    other = [Question("products", f"{n} * {n}?", str(n * n), {}) for n in range(OTHERS + 5)]
    known = Question(WEAK, "an old one", "1", {})
    found = practice([known, *other], held)
    weak = [q for q in found if q.kind == WEAK]
    assert known not in found
    assert len(found) - len(weak) == OTHERS
    assert len({q.question for q in weak}) == len(weak) > 50_000
    assert not {fingerprint(q.question) for q in weak} & held


def test_a_kind_comes_as_often_as_is_asked(tmp_path):
    from transformers import AutoTokenizer

    from recipes.mini.kinds import KINDS
    from recipes.mini.questions import write_train
    from recipes.mini.stream import Rows

    drawn = [next(KINDS[kind].draw(3, 1)) for kind in ("weekday", "relations", "swaps")]
    write_train(tmp_path / "train.jsonl.gz", drawn)
    nothing = dict.fromkeys(KINDS, 0.0)
    rows = Rows(tmp_path / "train.jsonl.gz", MINI, 1024, 0, {**nothing, "relations": 1.0})
    ids, labels = next(iter(rows))
    text = AutoTokenizer.from_pretrained(MINI).decode(ids)
    assert text.count(drawn[1].question.split(".")[0]) > 1
    assert drawn[0].question[:20] not in text
    assert ids.shape == labels.shape == (1024,)


def test_fresh_questions_are_new_to_everyone():
    pytest.importorskip("reasoning_gym")
    from recipes.micro.pair import SIZES, draw

    taken = held_out(MINI)
    first = {name: {fingerprint(q.question) for q in found} for name, found in draw(taken).items()}
    assert set(first) == set(SIZES)
    assert not first["fresh"] & first["fresh-confirm"]
    assert not (first["fresh"] | first["fresh-confirm"]) & taken
