"""The TypeScript tests and checks, where Node and the packages of widgets/ are there (`make widgets` brings them)."""

import shutil
import subprocess
from pathlib import Path

import pytest

FRONT_END = Path(__file__).parents[2] / "widgets"


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_front_end(script: str):
    npm = shutil.which("npm")
    if npm is None or not (FRONT_END / "node_modules").is_dir():
        pytest.skip("no Node here, or no widgets/node_modules: make widgets installs them")
    done = subprocess.run([npm, "run", "--silent", script], cwd=FRONT_END, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
