"""Memory given back is really gone from the process, and what is dropped comes back when it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
from pathlib import Path
import numpy as np
from numba import njit
from flashmoe_nb.ops.heap import forget_code

def resident_mb():
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["RssFile"].split()[0]) / 1024

@njit
def square(x):
    return x * x

square(2)
before = resident_mb()
forget_code("libnothing")
same = resident_mb()
forget_code("libllvmlite")
print(before, same, resident_mb(), square(np.float32(3)), square(np.arange(3)).tolist())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_forgotten_code_comes_back_to_compile() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=200)
    before, same, after, *answers = done.stdout.split(maxsplit=4)
    assert float(same) == pytest.approx(float(before), abs=2)
    assert float(after) < float(before) - 20
    assert answers == ["9.0", "[0, 1, 4]\n"]
