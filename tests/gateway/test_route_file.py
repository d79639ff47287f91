"""The file of routes: what holds for all and for one, and what is wrong with which."""

from pathlib import Path

import pytest

from karui.core.errors import InputError, UnknownName
from karui.gateway.route_file import RouteFile

GOOD = """
history = "h.sqlite3"
stage = "5"
[guard]
floor = 0.5
[routes.support]
choice = "runs/support"
upstream = "http://127.0.0.1:8000/v1#a"
[routes.support.guard]
floor = 0.9
[routes.search]
choice = "runs/search"
upstream = "http://127.0.0.1:8001/v1#b"
stage = "shadow"
"""


@pytest.fixture
def read(tmp_path):
    def of(text, **options):
        (tmp_path / "gateway.toml").write_text(text)
        return RouteFile.read(tmp_path / "gateway.toml", options)

    return of


def test_a_route_takes_from_the_top_what_it_does_not_say(read):
    file = read(GOOD, port=9000)
    support, search = file.routes
    assert (support.name, support.choices, support.settings.stage) == (
        "support",
        (Path("runs/support"),),
        "5",
    )
    assert (search.name, search.settings.stage, search.settings.upstream[-1]) == ("search", "shadow", "b")
    assert (support.settings.guard.floor, search.settings.guard.floor) == (0.9, 0.5)
    assert {file.settings.port, support.settings.port, search.settings.port} == {9000}
    assert file.faults == {}


def test_a_file_without_routes_is_one_of_settings(read):
    file = read('upstream = "http://127.0.0.1:8000/v1#a"')
    assert (file.routes, file.faults, file.settings.upstream[-1]) == ((), {}, "a")
    assert RouteFile.read(None, {"port": 1}).settings.port == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('choice = "x"', "names no upstream"),
        ('upstream = "http://127.0.0.1:8000/v1#a"', "names no choice"),
        ('choice = []\nupstream = "http://127.0.0.1:8000/v1#a"', "names no choice"),
        ('choice = ["x", ""]\nupstream = "http://127.0.0.1:8000/v1#a"', "names no choice"),
        ('choice = "x"\nupstream = "u"\nport = 80', "port is the process's"),
        ('choice = "x"\nupstream = "u"\nhistory = "mine"', "history is the process's"),
        ('choice = "x"\nupstream = "u"\nstagge = "5"', "stagge"),
        ('choice = "x"\nupstream = "u"\nstage = 5', "stage must be str"),
    ],
)
def test_a_wrong_table_is_a_fault_of_its_route_alone(read, line, message):
    file = read(f"{GOOD}[routes.other]\n{line}")
    assert [route.name for route in file.routes] == ["support", "search"]
    assert list(file.faults) == ["other"]
    assert message in file.faults["other"]


@pytest.mark.parametrize("name", ["karui", '"a b"', '"a/full"', "Upper", '"?"', f'"{"x" * 65}"'])
def test_a_name_that_no_address_can_hold_is_none(read, name):
    (fault,) = read(f'[routes.{name}]\nchoice = "x"\nupstream = "u"').faults.values()
    assert "is no name of a route" in fault


def test_a_name_belongs_to_one_route(read):
    file = read(GOOD + 'names = ["support"]\n')
    assert "support is the name of another route" in file.faults["search"]


def test_what_is_wrong_for_all_is_refused(read):
    with pytest.raises(UnknownName, match="prot"):
        read(GOOD.replace("history", "prot"))
    with pytest.raises(InputError, match="routes must be a table"):
        read("routes = 1")
