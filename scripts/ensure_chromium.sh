#!/bin/sh
# Makes sure that the browser tests find a Chromium: one that is there, else Debian's, else Playwright's own.
# A machine that cannot have one is told so and can do everything else.
set -u

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    command -v "$name" >/dev/null && exit 0
done
[ -d "/Applications/Google Chrome.app" ] && exit 0
# Playwright's own, from an earlier run.
"$PY" -c '
import sys
from pathlib import Path
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    sys.exit(not Path(p.chromium.executable_path).exists())
' && exit 0

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ "$(id -u)" = 0 ] && grep -q '^ID=debian' /etc/os-release 2>/dev/null; then
    echo "Installing Debian's chromium for the browser tests"
    apt-get update -qq >"$log" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >>"$log" 2>&1 && exit 0
fi
echo "Installing Playwright's Chromium for the browser tests"
"$PY" -m playwright install chromium >>"$log" 2>&1 && exit 0

tail -n 5 "$log" >&2
echo "No Chromium could be installed, so the browser tests cannot run: install chromium or Google Chrome and run make again" >&2
