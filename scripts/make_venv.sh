#!/bin/sh
# Makes $VENV with $PYTHON, or keeps the one that is there when its interpreter still runs and is new enough.
set -eu

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -e "$VENV" ] && [ ! -e "$VENV/pyvenv.cfg" ]; then
    echo "$VENV is there but is no virtual environment: move it away, then run make again" >&2
    exit 1
fi
if [ -x "$VENV/bin/python" ] && new_enough "$VENV/bin/python" && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
    exit 0
fi

if ! command -v "$PYTHON" >/dev/null; then
    echo "$PYTHON is not on PATH: install Python 3.11 or newer, or name one: make PYTHON=python3.12 ..." >&2
    exit 1
fi
if ! new_enough "$PYTHON"; then
    found=$("$PYTHON" --version 2>&1 || true)
    echo "$PYTHON is ${found:-broken}, flashmoe_nb needs Python 3.11 or newer: name one: make PYTHON=python3.12 ..." >&2
    exit 1
fi

if ! "$PYTHON" -m venv --clear "$VENV"; then
    rm -rf "$VENV"
    echo "$PYTHON could not make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2
    exit 1
fi
