"""`karui poc --variant`: lighter versions are made, weighed, raced, recorded, and shown in the report."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from karui.core.errors import InputError, UnknownName
from karui.study.variants.plans import VERSIONS, lightest, variant_plans

KARUI = [str(Path(sys.executable).with_name("karui"))]


def test_a_variant_has_a_recording_of_its_own():
    assert [p.label for p in variant_plans(["prune-depth:layers=3"])] == ["prune-depth(layers=3.0)"]
    with pytest.raises(InputError, match="needs no recording of its own"):
        variant_plans(["token-cap:tokens=100"])
    with pytest.raises(InputError, match="needs no recording of its own"):
        variant_plans(["prune-depth:layers=3 + token-cap:tokens=100"])
    with pytest.raises(UnknownName, match="prune-depth"):
        variant_plans(["prune-dept"])


@pytest.mark.parametrize("device", VERSIONS)
def test_what_is_tried_without_being_named_can_be_made(device):
    assert len(variant_plans(lightest(device))) == len(VERSIONS[device])


@pytest.mark.slow
def test_versions_go_all_the_way_to_the_report(tmp_path):
    # Two blocks of twelve are left at most: fast, and wrong; the race and the table are what is tested.
    pruned = [word for n in (9, 11) for word in ("--variant", f"prune-depth:layers={n}")]
    refused = ["--variant", "prune-depth:layers=12"]
    # What is pruned so far never ends its thinking: every trace of it costs all its tokens.
    short = "--limit 12 --samples 1 --max-tokens 360 --accept-truncation --no-confirm --concurrency 7".split()
    done = subprocess.run(
        [*KARUI, "poc", "--questions", "mini:test", *pruned, *refused, *short, "--out", "poc"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "minimising latency on this machine" in done.stderr
    assert "prune-depth(layers=12.0) is left out: " in done.stderr
    study = json.loads((tmp_path / "poc" / "study.json").read_text())
    base, *versions = study["models"]
    assert base["label"] == ""
    assert [v["label"] for v in versions] == [f"prune-depth(layers={n}.0)" for n in (9, 11, 12)]
    lightest = versions[1]
    assert (
        lightest["weight"]["disk_bytes"] < versions[0]["weight"]["disk_bytes"] < base["weight"]["disk_bytes"]
    )
    assert lightest["weight"]["flops_per_token"] < 0.3 * base["weight"]["flops_per_token"]
    assert lightest["made"]["notes"]["layers"] == 1
    assert versions[2]["weight"] is None
    assert "It would take out 12" in versions[2]["refused"]
    raced = study["screening"]
    assert {s["name"] for s in raced["standings"]} == {v["label"] for v in versions[:2]}
    assert raced["asked"] == sum(s["questions"] for s in raced["standings"])
    kept = {s["name"] for s in raced["standings"] if s["kept"]}
    assert kept == {v["label"] for v in versions if v["measurement"]}
    page = (tmp_path / "poc" / "report.html").read_text()
    assert all(v["label"] in page for v in versions)
