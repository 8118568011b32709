"""Compiled code works with addresses; here whatever it frees, and whatever it is given, is overwritten at once."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[3] / "data" / "demo"

FEED = """
import hashlib, sys
import numpy as np
import flashmoe_nb as fm

with fm.open(sys.argv[1], experts="in-place", ops="cpu", dtype="float32") as engine:
    session = engine.session()
    logits = [np.array(session.feed([token])) for token in range(40, 60)]  # experts and products of one row
    logits.append(np.array(session.feed(list(range(60, 400)))))  # of several, and attention of two parts a head
    logits.append(np.array(session.feed([7])))
assert np.isfinite(logits).all()
print(hashlib.sha256(np.concatenate(logits).tobytes()).hexdigest())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc overwrites what is freed")
def test_results_do_not_depend_on_what_free_memory_holds():
    """A byte for fresh memory and its complement for freed memory: 255 makes NaN of every float that was freed."""
    digests = {perturb: digest(perturb) for perturb in ("", "255", "165")}
    assert len(set(digests.values())) == 1, digests


def digest(perturb: str) -> str:
    """Of the logits of a process of its own."""
    settings = {**os.environ, "MALLOC_PERTURB_": perturb}
    command = [sys.executable, "-c", FEED, str(DEMO)]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=settings).stdout
