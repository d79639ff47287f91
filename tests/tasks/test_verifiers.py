import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karui.core.errors import InputError, UnknownName
from karui.tasks import verifier, verifiers

PLAIN = [
    "math",
    "exact",
    "choice",
    "set",
    "numeric",
    "numeric:0.01",
    "numeric:1%",
    "json",
    "json:a,b",
    r"regex:\d+",
]


def right(spec, reference, text):
    judge = verifier(spec)
    answer = judge.read(text)
    return answer is not None and judge.verify(reference, answer)


@pytest.mark.parametrize("spec", PLAIN)
def test_a_spec_comes_back(spec):
    assert verifier(spec).spec == spec
    assert verifier(spec) == verifier(verifier(spec).spec)
    assert pickle.loads(pickle.dumps(verifier(spec))) == verifier(spec)


@pytest.mark.parametrize("spec", PLAIN)
@given(text=st.text(max_size=30), reference=st.text(max_size=10))
def test_no_text_breaks_a_verifier(spec, text, reference):
    judge = verifier(spec)
    for shown in (text, rf"\boxed{{{text}}}", rf"\boxed{{{text}"):
        answer = judge.read(shown)
        assert answer is None or answer
        assert isinstance(judge.verify(reference, answer or text), bool)


@pytest.mark.parametrize("spec", PLAIN)
def test_an_empty_text_has_no_answer(spec):
    assert verifier(spec).read("") is None
    assert verifier(spec).read("I really cannot say.\n" + "long prose " * 30) is None


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="numeric"):
        verifier("nummeric")


@pytest.mark.parametrize(
    "spec",
    [
        "math:1",
        "exact:",
        "numeric:x",
        "numeric:-1",
        "json:a,,b",
        "json:a,a",
        "regex:",
        "regex:(",
        "regex",
        "python:",
        "python:x.py",
        "python:no_such_file.py:check",
        "gym:chain_sum",
        "gym:",
    ],
)
def test_wrong_parameters_are_refused(spec):
    with pytest.raises(InputError) as caught:
        verifier(spec)
    assert caught.value.remedy


def test_every_verifier_has_its_line():
    names = [name for name, _ in verifiers()]
    assert sorted(names) == sorted(
        ["math", "exact", "numeric", "choice", "set", "json", "regex", "python", "judge", "gym", "tool-call"],
    )


@pytest.mark.parametrize(
    ("spec", "reference", "text"),
    [
        ("exact", "東京都", "答えは「東京都」です。"),
        ("exact", "Yes", "thinking…\n**YES**"),
        ("exact", "2024年5月3日", r"\boxed{令和６年５月３日}"),
        ("numeric", "1,200円", r"\boxed{￥１２００}"),
        ("numeric", "1200", "全部で千二百円。\n\\boxed{千二百円"),
        ("numeric", "42", "6 * 7 = 42, the answer is 42, as 6 and 7 were given"),
        ("numeric", "42", "so we get 6 and then 42"),
        ("numeric", "5", r"\boxed{x = 5}"),
        ("numeric", "1.2", r"\boxed{6/5}"),
        ("numeric:0.01", "3.14", r"\boxed{3.15}"),
        ("numeric:1%", "-200", r"\boxed{-202}"),
        ("choice", "B", r"\boxed{\text{(B)}}"),
        ("choice", "(B)", "The answer is b. Paris"),
        ("choice", "B", "Not A. I choose B because of A big dog. So (B)"),
        ("choice", "イ", "正解はイです。"),
        ("choice", "イ", r"\boxed{ｲ}"),
        ("choice", "②", r"\boxed{2}"),
        ("choice", "2", "よって②が正しい。"),
        ("choice", "C", r"\boxed{C. 5 apples}"),
        ("choice", "A", r"\boxed{\textbf{(A)}\ 12}"),
        ("choice", "B", "b) Paris"),
        ("set", "a, b, c", r"\boxed{\{c, A, b\}}"),
        ("set", "鈴木、田中", "答えは田中、鈴木です。"),
        ("set", "100,200,300", r"\boxed{300, 100, 200}"),
        ("set", "1,200円、3,400円", r"\boxed{3400, 1200}"),
        ("set", "red and blue", r"\boxed{[blue, red, red]}"),
        ("json", '{"a": 1, "b": [1, 2]}', 'Result:\n```json\n{"b": [1, 2.0], "a": "1"}\n```'),
        ("json:a", '{"a": 1, "b": 2}', r'\boxed{{"a": 1, "b": 3}}'),
        ("json:name", '{"name": "東京"}', '{"x": 1} {"name": " 東京 "}'),
        (r"regex:[A-Z]{2}-\d+", "AB-12", "The order is **AB-12** (paid)."),
        (r"regex:(\d+)円", "1200円", r"\boxed{税込1200円}"),
        (r"regex:\d+", "42", "answer is 42"),
    ],
)
def test_right_answers_are_accepted(spec, reference, text):
    assert right(spec, reference, text)


@pytest.mark.parametrize(
    ("spec", "reference", "text"),
    [
        ("exact", "東京", r"\boxed{東京都}"),
        ("exact", "5", r"\boxed{5 m}"),
        ("numeric", "1200", r"\boxed{1201}"),
        ("numeric", "30", r"\boxed{5 h 30 min}"),
        ("numeric", "5", r"\boxed{5 or 6}"),
        ("numeric", "0.1", r"\boxed{10%}"),
        ("numeric", "many", r"\boxed{3}"),
        ("numeric:0.01", "3.14", r"\boxed{3.151}"),
        ("numeric:1%", "200", r"\boxed{203}"),
        ("choice", "B", r"\boxed{イ}"),
        ("choice", "A", r"\boxed{A, C}"),
        ("choice", "A", r"\boxed{A or C}"),
        ("choice", "A", r"\boxed{a dog}"),
        ("choice", "A", "A dog barked, I think."),
        ("choice", "B", r"\boxed{Berlin}"),
        ("set", "a, b, c", r"\boxed{a, b}"),
        ("set", "a, b", r"\boxed{a, b, c}"),
        ("set", "1,200、3,400", r"\boxed{1, 200, 3, 400}"),
        ("json", '{"a": 1}', '{"a": 1, "b": 2}'),
        ("json:a,b", '{"a": 1, "b": 2}', '{"a": 1}'),
        ("json:a", '{"b": 1}', '{"b": 1}'),
        ("json", '{"a": [1, 2]}', '{"a": [2, 1]}'),
        ("json", "no object", '{"a": 1}'),
        (r"regex:[A-Z]{2}-\d+", "AB-12", "It is AB-13."),
        (r"regex:^\d+$", "42", r"\boxed{42 or so}"),
    ],
)
def test_wrong_answers_are_rejected(spec, reference, text):
    assert not right(spec, reference, text)


def test_the_same_answer_reads_as_the_same_string():
    read = verifier("numeric").read
    assert {
        read(text) for text in (r"\boxed{1/2}", r"\boxed{0.50}", "答えは０．５です", r"\boxed{\frac12}")
    } == {"0.5"}
    read = verifier("set").read
    assert read(r"\boxed{b; a}") == read(r"\boxed{a, b, a}")
    read = verifier("json:a").read
    assert (
        read('{"a": 1, "z": 2}')
        == read('{"z": 3, "a": 1.0}')
        == json.dumps({"a": "1"}, separators=(",", ":"))
    )


def test_a_function_of_ones_own_judges(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text(
        "def near(reference, answer):\n    return abs(float(reference) - float(answer)) < 1\n",
    )
    monkeypatch.chdir(tmp_path)
    judge = verifier("python:own.py:near")
    assert judge.spec == "python:own.py:near"
    assert judge.verify("5", judge.read(r"\boxed{5.5}"))
    assert not judge.verify("5", "7")
    with pytest.warns(UserWarning, match="counted as wrong"):
        assert not judge.verify("5", "five")


def test_a_function_is_found_beside_the_questions(tmp_path):
    (tmp_path / "own.py").write_text("def always(reference, answer):\n    return True\n")
    assert verifier("python:own.py:always", root=tmp_path).verify("a", "b")
    with pytest.raises(InputError, match="no function 'never'") as caught:
        verifier("python:own.py:never", root=tmp_path)
    assert "always" in caught.value.remedy
    (tmp_path / "broken.py").write_text("1 / 0\n")
    with pytest.raises(InputError, match="fails when it is run"):
        verifier("python:broken.py:f", root=tmp_path)
