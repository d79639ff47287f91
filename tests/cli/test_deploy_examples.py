"""The examples for clusters say what the command line knows, and their YAML is what Kubernetes reads."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from karui.cli.main import app

DEPLOY = Path(__file__).parents[2] / "deploy"
EXAMPLES = sorted([*DEPLOY.glob("slurm-*.sh"), DEPLOY / "kuberay.yaml"])
_CALL = re.compile(r"(?<![\w/.-])karui (record|merge|choose)((?:[^\n&'|]|\\\n)*)")


def calls(text: str) -> list[tuple[str, list[str]]]:
    """Every call of karui in a text without its comments: the verb and the options it names."""
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    bare = re.sub(r"\\\n\s*|\n\s+(?=&&)", " ", bare)
    found = _CALL.findall(bare)
    return [(verb, [w for w in shlex.split(rest) if w.startswith("--")]) for verb, rest in found]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_option_is_one_of_the_verb(example: Path) -> None:
    known = {
        name: {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        for name, command in typer.main.get_command(app).commands.items()
    }
    said = calls(example.read_text(encoding="utf-8"))
    assert said
    for verb, options in said:
        assert set(options) <= known[verb], (example.name, verb)


def test_pods_of_the_ray_job_see_the_shared_folder_and_only_workers_have_gpus() -> None:
    job = yaml.safe_load((DEPLOY / "kuberay.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    head = cluster["headGroupSpec"]["template"]["spec"]
    [worker] = [group["template"]["spec"] for group in cluster["workerGroupSpecs"]]
    for pod in (head, worker):
        mounted = {m["name"]: m["mountPath"] for c in pod["containers"] for m in c["volumeMounts"]}
        assert mounted == {v["name"]: "/shared" for v in pod["volumes"]}
    gpus = [c["resources"]["limits"].get("nvidia.com/gpu") for p in (head, worker) for c in p["containers"]]
    assert gpus == [None, "1"]
    paths = re.findall(r"(?<=\s)/\S+?(?='|\s)", job["spec"]["entrypoint"])
    assert paths
    assert all(path.startswith("/shared/") for path in paths)


def test_the_ray_of_the_example_is_the_one_that_karui_is_tested_with() -> None:
    job = yaml.safe_load((DEPLOY / "kuberay.yaml").read_text(encoding="utf-8"))
    pinned = (DEPLOY.parent / "constraints.txt").read_text(encoding="utf-8")
    assert f"\nray=={job['spec']['rayClusterSpec']['rayVersion']}\n" in pinned
