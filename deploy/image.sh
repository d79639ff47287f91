#!/bin/sh
# Builds the gateway's image without a container engine and without a network, and asks it for its help:
#   deploy/image.sh [BASE]
# BASE: the folder of a root file system with Python and its venv, where no registry can be reached, such as
#   debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm BASE
# Without it, python:3.12-slim is pulled. Wants buildah, and `make wheels` before it with BASE's own Python.
set -eu
cd "$(dirname "$0")/.."
test -d wheels || { echo 'make wheels first' >&2; exit 1; }
export BUILDAH_ISOLATION="${BUILDAH_ISOLATION:-chroot}"
pull=missing
if [ $# -gt 0 ]; then
    pull=never
    [ -e "$1/usr/bin/python" ] || ln -s python3 "$1/usr/bin/python"
    base=$(buildah from scratch)
    buildah copy --quiet "$base" "$1" / >/dev/null
    buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$base"
    buildah commit --quiet --rm "$base" docker.io/library/python:3.12-slim >/dev/null
fi
buildah build --format docker --pull="$pull" --network none --file deploy/Dockerfile --build-arg WHEELS=wheels \
    --tag karui-gateway .
made=$(buildah from --pull=never localhost/karui-gateway)
trap 'buildah rm "$made" >/dev/null' EXIT
buildah run "$made" -- id
buildah run "$made" -- karui serve --help >/dev/null
echo 'The image is there, and karui runs in it.'
