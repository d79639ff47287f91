import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import karui
from karui import catalog
from karui.core.errors import InputError, PlanError, UnknownName
from karui.core.plan import Plan
from karui.faster.adaptive_consistency import AdaptiveConsistency
from karui.faster.token_cap import TokenCap
from karui.testing.conformance import check

ONE = '''
from dataclasses import dataclass
from karui.core.technique import Family, Technique, knob

@dataclass(frozen=True)
class Mine(Technique):
    """Does nothing."""
    family = Family.FASTER
    size: int = knob(3, help="Nothing.")
'''


@pytest.fixture
def fresh():
    """Forgets what the catalog has found, before and after."""
    cached = (catalog._places, catalog._from_name, catalog._from_file)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


def offer(monkeypatch, *entries):
    points = [EntryPoint(name, value, "karui.techniques") for name, value in entries]
    monkeypatch.setattr(catalog, "entry_points", lambda group: points if group == "karui.techniques" else [])


def test_every_file_is_a_technique_and_helpers_are_none():
    package = Path(karui.__file__).parent
    files = {
        f.stem for family in ("shorter", "smaller", "faster") for f in (package / family).glob("[!_]*.py")
    }
    assert set(catalog.names()) == {f.replace("_", "-") for f in files}
    assert len(catalog.names()) >= 20
    for name in catalog.names():
        assert catalog.technique(name).name() == name


def test_listing_names_imports_no_technique():
    early = "('karui.faster.', 'karui.shorter.', 'scipy', 'torch')"
    seen = f"{{m for m in sys.modules if m.startswith({early})}}"
    code = f"import sys; from karui.catalog import names; assert len(names()) > 10; assert not {seen}, {seen}"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_parse_reads_names_parameters_and_order():
    plan = catalog.parse("adaptive-consistency:k=16,threshold=9.5e-1 + token-cap:tokens=800")
    assert plan == Plan((AdaptiveConsistency(k=16, threshold=0.95), TokenCap(tokens=800)))
    assert catalog.parse("token-cap+self-consistency:k=4") == catalog.parse(
        " token-cap  +  self-consistency: k = 4 "
    )
    assert catalog.parse("") == catalog.parse("full thinking") == Plan()


def test_a_plus_in_a_number_joins_nothing():
    assert catalog.parse("token-cap:tokens=1e+3").techniques == (TokenCap(tokens=1000),)


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("adaptive-consistancy", UnknownName, "adaptive-consistency"),
        ("token-cap:tokenz=3", UnknownName, "'tokens'"),
        ("token-cap:tokens=many", InputError, "cannot be read as int"),
        ("token-cap:tokens=1.5", InputError, "cannot be read as int"),
        ("token-cap:tokens=inf", InputError, "cannot be read as int"),
        ("token-cap:tokens", InputError, "no parameter=value"),
        ("token-cap +", InputError, "missing"),
        ("+ token-cap", InputError, "missing"),
        ("self-consistency + first-of", PlanError, "vote"),
        ("concise-cot + chain-of-draft", PlanError, "prompt"),
        ("first-of:k=2,m=3", PlanError, "between 1 and k"),
        ("best-of-scored", InputError, "needs scorer"),
        ("best-of-scored:scorer=nowhere.py:f", InputError, "not a function"),
        ("nowhere.py:Mine", InputError, "no file nowhere.py"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(text, error, said):
    with pytest.raises(error, match=said):
        catalog.parse(text)


def test_specs_recreate_plans():
    plan = catalog.parse("confidence-filter:k=8,warm=2 + trial-confidence:turns=true,every=2")
    again = catalog.plan_from_spec(plan.spec)
    assert again == plan
    assert again.id == plan.id
    assert catalog.plan_from_spec([]) == Plan()
    with pytest.raises(InputError, match="names no technique"):
        catalog.plan_from_spec([{"k": 3}])


def test_a_technique_in_a_file_keeps_its_path_as_its_name(tmp_path, fresh, monkeypatch):
    (tmp_path / "own.py").write_text(ONE)
    monkeypatch.chdir(tmp_path)
    plan = catalog.parse("own.py:Mine:size=5 + token-cap")
    assert plan.techniques[0].size == 5
    assert plan.spec[0] == {"technique": "own.py:Mine", "size": 5}
    assert catalog.plan_from_spec(plan.spec) == plan
    assert (
        catalog.technique("own.py") is catalog.technique("own.py:Mine") or catalog.technique("own.py").knobs()
    )
    with pytest.raises(UnknownName, match="Mine"):
        catalog.technique("own.py:Min")


def test_a_file_that_fails_to_import_is_an_error(tmp_path, fresh):
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(InputError, match="nothing_of_this_name"):
        catalog.technique(f"{tmp_path}/broken.py:Mine")


def test_entry_points_add_techniques(tmp_path, fresh, monkeypatch):
    (tmp_path / "mine.py").write_text(ONE)
    monkeypatch.syspath_prepend(tmp_path)
    offer(monkeypatch, ("mine", "mine:Mine"))
    assert "mine" in catalog.names()
    assert catalog.parse("mine:size=4").techniques[0].size == 4


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (("gone", "module_that_is_not_there:Mine"), "cannot be imported"),
        (("other", "mine2:Mine"), "calls itself mine2"),
    ],
)
def test_entry_points_that_fail_are_listed_and_raise(entry, said, tmp_path, fresh, monkeypatch):
    (tmp_path / "mine2.py").write_text(ONE)
    monkeypatch.syspath_prepend(tmp_path)
    offer(monkeypatch, entry)
    assert entry[0] in catalog.names()
    with pytest.raises(InputError, match=said):
        catalog.technique(entry[0])


def test_two_techniques_of_one_name_are_an_error(fresh, monkeypatch):
    offer(monkeypatch, ("token-cap", "elsewhere:TokenCap"))
    with pytest.raises(InputError, match="Two techniques are called 'token-cap'"):
        catalog.names()


def test_the_example_of_the_contributing_page_conforms(tmp_path, fresh):
    page = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = next(block for block in page.split("```python\n")[1:] if "class SecondOpinion" in block)
    (tmp_path / "second_opinion.py").write_text(example.partition("```")[0], encoding="utf-8")
    check(catalog.technique(f"{tmp_path}/second_opinion.py:SecondOpinion"))


def test_looking_at_every_technique_imports_nothing_heavy():
    code = (
        "import sys; from karui import catalog; [catalog.technique(n) for n in catalog.names()]; "
        "print(sorted({'torch', 'transformers', 'trl', 'torchao', 'llmcompressor'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
