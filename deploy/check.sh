#!/usr/bin/env bash
# Lints what is in this folder, each file by its own tool; one that is not here is named, not passed over.
set -euo pipefail
cd "$(dirname "$0")"
tools=../.venv-linters/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$tools/hadolint" Dockerfile && echo "Dockerfile: hadolint finds nothing"
export KARUI_CHOICE=/c KARUI_SERVE_KEY=k KARUI_OPERATOR_KEY=o
KARUI_MODEL=/m "$tools/docker-compose" --file compose.yaml config --quiet &&
  echo "compose.yaml: read by Docker's own reader"
if KARUI_MODEL='' "$tools/docker-compose" --file compose.yaml config --quiet 2>/dev/null; then
  echo "compose.yaml: comes up without a model" && exit 1
fi
"$tools/yamllint" --strict --config-file yamllint.yaml kuberay.yaml && echo "kuberay.yaml: yamllint finds nothing"
"$tools/shellcheck" ./*.sh && echo "*.sh: shellcheck finds nothing"
if command -v systemd-analyze >/dev/null; then
  mkdir -p "$work/opt/karui/bin" "$work/etc/systemd/system"
  cp karui.service "$work/etc/systemd/system/"
  install -m 755 /dev/null "$work/opt/karui/bin/karui"
  # Only what it says of this unit: the root made here has none of the others.
  said=$(systemd-analyze verify --recursive-errors=no --root="$work" karui.service 2>&1 | grep karui.service || true)
  test -z "$said" || { echo "$said"; exit 1; }
  echo "karui.service: $(systemd-analyze security --offline=true ./karui.service 2>&1 | tail -n 1 | tr -d '→')"
else
  echo "karui.service: not checked, systemd-analyze is not here"
fi
if command -v nginx >/dev/null; then
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=karui.example \
    -keyout "$work/karui.key" -out "$work/karui.crt" 2>/dev/null
  sed "s#/etc/nginx/karui#$work/karui#" nginx.conf >"$work/site.conf"
  printf 'pid %s/pid;\nerror_log stderr;\nevents {}\nhttp { access_log off; include %s/site.conf; }\n' "$work" "$work" \
    >"$work/nginx.conf"
  nginx -t -q -p "$work" -c "$work/nginx.conf" && echo "nginx.conf: nginx -t is content"
else
  echo "nginx.conf: not checked, nginx is not here"
fi
