#!/usr/bin/env bash
# Installs karui from a folder of wheels, without a network, into an environment of its own, and tries it.
#
#   deploy/from-wheels.sh wheels /opt/karui          # what `make wheels` made; where to install
#   EXTRAS=serve PYTHON=python3.12 deploy/from-wheels.sh wheels /opt/karui
#
# The wheels fit the Python version and the kind of machine that they were gathered with.
set -euo pipefail
wheels=$(realpath "${1:?the folder of wheels}")
where=${2:?where to install}
"${PYTHON:-python3}" -m venv "$where"
# --isolated: no index from a configuration file or the environment takes part.
"$where/bin/python" -m pip --isolated --disable-pip-version-check install --quiet \
  --no-index --find-links "$wheels" "karui[${EXTRAS:-serve}]"
"$where/bin/python" -m pip --isolated --disable-pip-version-check check
"$where/bin/karui" --version
"$where/bin/karui" techniques >/dev/null
case ",${EXTRAS:-serve}," in *,serve,*) "$where/bin/karui" serve --help >/dev/null ;; esac
echo "karui is in $where/bin"
