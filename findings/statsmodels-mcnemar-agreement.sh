#!/usr/bin/env bash
# statsmodels 0.15.0: two models that agree on every question differ "significantly": mcnemar(exact=False) gives p = 0.
#
# McNemar's test looks at the questions that one model has right and the other wrong, b and c. With the continuity
# correction, which is the default, the statistic is (|b - c| - 1)^2 / (b + c): where the models never differ, b = c = 0,
# it is 1/0, that is inf, and the p-value of inf is 0.0. Without the correction it is nan; exact=True says 1.0, as it
# should. A table that compares a model with its quantised copy, or a recording with itself, reads as the strongest
# evidence there can be that they differ. The cause is that the correction is squared where there is nothing to correct:
# five against five has p = 0.75, not 1. R's mcnemar.test, which has the same default, leaves it out where b = c.
#
# numpy warns of a division by zero on stderr and nothing else does; the documentation of `correction` and of the
# function does not name the case.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet statsmodels==0.15.0 scipy==1.17.1 numpy==2.4.6 pandas==3.1.1
"$place/venv/bin/python" -W ignore - <<'PY'
from math import inf, isnan

from statsmodels import __version__
from statsmodels.stats.contingency_tables import mcnemar

same = [[80, 0], [0, 20]]  # both right 80 times, both wrong 20 times
default = mcnemar(same, exact=False)
plain = mcnemar(same, exact=False, correction=False)
exact = mcnemar(same, exact=True)
even = mcnemar([[80, 5], [5, 20]], exact=False)
print(f"statsmodels {__version__}: no question differs: statistic {default.statistic}, p {default.pvalue}")
print(f"without the correction p {plain.pvalue}, exact p {exact.pvalue}; five against five: p {even.pvalue:.3f}")
assert default.statistic == inf and default.pvalue == 0.0
assert isnan(plain.pvalue) and exact.pvalue == 1.0
assert round(even.pvalue, 3) == 0.752
PY
echo "as described"
