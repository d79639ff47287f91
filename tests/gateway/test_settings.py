"""Settings: a file, options over it, and what is refused."""

import pytest

from karui.core.errors import InputError, UnknownName
from karui.gateway.settings import Settings


def test_settings_from_a_file_and_options(tmp_path):
    file = tmp_path / "gateway.toml"
    file.write_text('stage = "5"\nport = 1\n[limits]\nat_once = 3\n[table]\nguard_tripped = "refuse"\n')
    found = Settings.read(file, {"port": 9, "host": None})
    assert (found.stage, found.port, found.host, found.limits.at_once) == ("5", 9, "127.0.0.1", 3)
    assert ("table.guard_tripped", "refuse") in found.rows()
    for text, wrong in (
        ("stages = 5", UnknownName),
        ("[limits]\nat_onse = 1", UnknownName),
        ('port = "x"', InputError),
        ("port = true", InputError),
        ("[limits]\nat_once = 0", InputError),
        ("limits = 3", InputError),
        ("stage = 5", InputError),
        ("names = [1]", InputError),
        ("stage = ", InputError),
    ):
        file.write_text(text)
        with pytest.raises(wrong):
            Settings.read(file, {})


@pytest.mark.parametrize(
    "state",
    [
        "postgresql://me:se%40cret@db/karui",
        "postgresql://db/karui?user=me&password=se%40cret&sslmode=require",
    ],
)
def test_the_password_of_a_database_is_shown_nowhere(state):
    settings = Settings(state=state)
    shown = dict(settings.rows())["state"]
    assert "cret" not in shown + repr(settings)
    assert "db/karui" in shown
    assert settings.shared
