#!/usr/bin/env bash
# math-verify 0.9.0: three valid inputs whose verdict surprises.
#
# 1. Numbers are compared to six decimals whatever their size: 1.6e-19 equals 9.1e-31 (charge and mass of the electron).
# 2. A time of day is read as a quotient: 10:30 equals 11:33, since both are a third.
# 3. An amount of money with an escaped dollar sign is not seen where no formula holds it, and the number of a step is
#    taken in its place: "Step 3: … #### \$4.00" reads 3.
#
# The first two accept wrong answers, the third refuses right ones; on long replies about money it is not rare.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet math-verify==0.9.0 latex2sympy2_extended==1.11.0 sympy==1.14.0 antlr4-python3-runtime==4.13.2
"$place/venv/bin/python" - <<'PY'
from importlib.metadata import version

from math_verify import parse, verify


def equal(one, other):
    return verify(parse(rf"\boxed{{{one}}}"), parse(rf"\boxed{{{other}}}"))


small = equal(r"1.6 \times 10^{-19}", r"9.1 \times 10^{-31}")
times = equal("10:30", "11:33")
read = parse("Step 3: the change is \\$10.00 - \\$6.00 = \\$4.00.\n\n#### \\$4.00")
print(f"math-verify {version('math-verify')}: small numbers {small}, times {times}, money reads {read}")
assert small is True, small
assert times is True, times
assert str(read[0]) == "3", read
PY
echo "as described"
