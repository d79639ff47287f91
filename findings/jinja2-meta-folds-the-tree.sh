#!/usr/bin/env bash
# jinja2 3.1.6: `meta.find_undeclared_variables(tree)` changes the tree it is given.
#
# A tool that reads chat templates parses one, asks which variables it needs, and then looks at the comparisons in the
# same tree: `mode in ['on', 'off']`. Before the call the list is a List node of Const nodes; after it, it is one Const
# node that holds a Python list, since finding variables runs the code generator, which folds constants in place. A
# visitor that looks for List nodes finds none any more. The documentation of the function does not say so; a second
# parse for the question is the remedy.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet jinja2==3.1.6 markupsafe==3.0.3
"$place/venv/bin/python" - <<'PY'
from jinja2 import Environment, __version__, meta, nodes

tree = Environment().parse("{% if mode in ['on', 'off'] %}x{% endif %}")


def lists():
    return [type(c.ops[0].expr).__name__ for c in tree.find_all(nodes.Compare)]


before = lists()
found = meta.find_undeclared_variables(tree)
after = lists()
print(f"jinja2 {__version__}: undeclared {sorted(found)}; before {before}, after {after}")
assert before == ["List"], before
assert after == ["Const"], after
PY
echo "as described"
