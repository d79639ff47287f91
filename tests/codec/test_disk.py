import json
from pathlib import Path

import pytest

from karui.codec.disk import reading, writing
from karui.core.errors import InputError, ModelError, StorageError


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "JSONDecodeError"),
        (b"{}", "It has no 'format'."),
        (b"[]", "TypeError"),
    ],
)
def test_a_damaged_file_is_named_with_the_reason(tmp_path, content, why):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with (
        pytest.raises(ModelError, match=r"file\.json cannot be read as JSON") as caught,
        reading(path, "Copy it again.", error=ModelError, format="JSON"),
    ):
        json.loads(path.read_text())["format"]
    assert why in caught.value.why
    assert caught.value.remedy == "Copy it again."


def test_a_missing_file_is_said_to_be_missing_and_not_to_be_no_json(tmp_path):
    with (
        pytest.raises(ModelError) as caught,
        reading(tmp_path, "Name another.", error=ModelError, format="JSON"),
    ):
        (tmp_path / "file.json").read_text()
    assert str(caught.value) == f"There is no file {tmp_path / 'file.json'}.\nName another."


def test_a_folder_in_its_place_is_no_matter_of_json_either(tmp_path):
    with pytest.raises(InputError) as caught, reading(tmp_path, format="JSON"):
        tmp_path.read_text()
    assert str(caught.value) == f"{tmp_path} cannot be read.\nIs a directory."


def test_an_error_with_its_own_words_goes_on_as_it_is(tmp_path):
    with pytest.raises(InputError, match="of a later format"), reading(tmp_path, error=ModelError):
        raise InputError("It is of a later format.")


def test_errors_of_a_library_are_taken_where_they_are_named(tmp_path):
    with pytest.raises(ZeroDivisionError), reading(tmp_path):
        raise ZeroDivisionError
    with pytest.raises(InputError), reading(tmp_path, also=(ZeroDivisionError,)):
        raise ZeroDivisionError


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "missing" / "file"
    with pytest.raises(StorageError, match="file cannot be written"), writing(path):
        path.write_text("")


def test_a_full_disk_is_called_full():
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("There is no /dev/full here.")
    with pytest.raises(StorageError) as caught, writing("out"), device.open("w") as full:
        full.write("x")
    assert caught.value.why == "The disk is full."
