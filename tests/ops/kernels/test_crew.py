"""Shared work: every row once, whoever leads, and with helpers that do not exist."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from flashmoe_nb.ops.cpu import CpuOps
from tests.ops.kernels.matrices import quantized


def _fixture() -> tuple[CpuOps, object, np.ndarray, np.ndarray]:
    case = quantized(4, 64, "BF16", 2048, 1024)
    ops = CpuOps(n_threads=4)
    prepared = ops.prepare(case.linear)
    x = np.random.default_rng(0).normal(size=(1, 1024)).astype(np.float32)
    return ops, prepared, x, CpuOps(n_threads=1).linear(x, prepared)


def test_crew_does_every_row_every_time() -> None:
    ops, prepared, x, expected = _fixture()
    for _ in range(500):
        np.testing.assert_array_equal(ops.linear(x, prepared), expected)


def test_threads_that_lead_at_once_do_not_mix_their_jobs() -> None:
    ops, prepared, x, expected = _fixture()
    right = []

    def lead(factor: float) -> None:
        scale = np.float32(factor)
        right.append(all(np.array_equal(ops.linear(x * scale, prepared), expected * scale) for _ in range(300)))

    threads = [threading.Thread(target=lead, args=(factor,)) for factor in (1.0, 2.0, 4.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True, True, True]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_leaves_a_child_that_works_alone() -> None:
    """The child has no helpers; nobody waits for them."""
    ops, prepared, x, expected = _fixture()
    ops.linear(x, prepared)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(ops.linear(x, prepared), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
