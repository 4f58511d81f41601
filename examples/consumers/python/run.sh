#!/bin/sh
# Makes a virtual environment beside this file (once), installs the pinned packages, runs consume.py.
#   ./run.sh --bootstrap 127.0.0.1:9092 --registry http://127.0.0.1:8080/registry
#   ./run.sh --self-test          checks the digest against ../digest-vectors.json, needs no broker
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv="${CARDHUB_VENV:-$here/.venv}"
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  echo "installing $(cat "$here/requirements.txt")" >&2
  "${PYTHON:-python3}" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
exec "$venv/bin/python" "$here/consume.py" "$@"
