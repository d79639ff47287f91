"""The recipe of karui-micro: what its loss rewards, and what never gets into its training questions."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from recipes.micro import distil  # noqa: E402
from recipes.micro.__main__ import held_out, unseen  # noqa: E402
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
