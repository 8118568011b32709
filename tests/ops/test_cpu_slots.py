"""Slots of the `cpu` back end: memory of this process alone, counted as its own."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from flashmoe_nb.lab.bench.rss import measure_rss
from flashmoe_nb.ops.cpu_slots import PROJECTIONS, CpuSlotBank
from flashmoe_nb.storage.record import Component

N_SLOTS, DIM = 4, 1024


def _bank() -> CpuSlotBank:
    """12 MiB a slot."""
    nbytes = 4 * DIM * DIM
    parts = [Component(f"{name}.weight", "F32", (DIM, DIM), at * nbytes) for at, name in enumerate(PROJECTIONS)]
    return CpuSlotBank(parts, N_SLOTS, (DIM, DIM, DIM))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_a_child_writes_into_a_slot_stays_in_the_child() -> None:
    bank = _bank()
    view = np.frombuffer(bank.buffers(0)[0], np.uint8)
    view[0] = 1
    child = os.fork()
    if child == 0:
        view[0] = 77
        os._exit(int(view[0]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 77
    assert view[0] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not split resident memory")
def test_slots_count_as_allocated_memory() -> None:
    bank, before = _bank(), measure_rss().anon_bytes
    for slot in range(N_SLOTS):
        for part in bank.buffers(slot):
            np.frombuffer(part, np.uint8)[:] = 1
    after = measure_rss().anon_bytes
    assert before is not None
    assert after is not None
    assert after - before > 0.9 * bank.nbytes
