"""Shared work: every row once, whoever leads, with helpers that do not exist, and on machines that reorder writes."""

from __future__ import annotations

import os
import re
import threading

import numpy as np
import pytest
from llvmlite import binding as llvm
from numba import njit, types

from flashmoe_nb.ops.cpu import CpuOps
from flashmoe_nb.ops.kernels.crew import Crew, crew, share
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
@pytest.mark.parametrize("leading", [False, True], ids=["idle", "while another thread leads"])
def test_fork_leaves_a_child_that_starts_helpers_of_its_own(leading: bool) -> None:
    """Of the parent's the child has only the count, and for good the lock of whoever led."""
    ops, prepared, x, expected = _fixture()
    ops.linear(x, prepared)
    n_threads = crew().lead(4) if leading else 1
    child = os.fork()
    if child == 0:
        alone = threading.active_count()
        right = np.array_equal(ops.linear(x, prepared), expected)
        os._exit(0 if right and threading.active_count() == alone + 3 else 1)
    if n_threads > 1:
        crew().leave()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("n_started", [0, 1, 3])
def test_lead_goes_on_with_the_threads_the_system_gives(n_started: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with all of them once it gives more; nobody is left leading meanwhile."""
    team, start, left = Crew(), threading.Thread.start, iter(range(n_started))

    def refuse_later(thread: threading.Thread) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse_later)
        for _ in range(2):
            assert team.lead(4) == 1 + n_started
            if n_started:
                team.leave()
    assert team.lead(4) == 4
    team.leave()


def test_interrupt_while_helpers_start_leaves_nobody_leading(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    team = Crew()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            team.lead(2)
    assert team.lead(2) == 2
    team.leave()


def _writes_on_arm(ir: str) -> str:
    """The writes of compiled code on a 64-bit ARM, in order: r for `stlr`, b for `dmb`, a for any other store."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    triple = "aarch64-unknown-linux-gnu"
    try:
        machine = llvm.Target.from_triple(triple).create_target_machine(opt=3)
    except RuntimeError:
        pytest.skip("this llvmlite was built without ARM")
    of_this_machine = r'"target-(cpu|features)"="[^"]*"|^target (datalayout|triple) = .*|^.*@llvm\.x86\..*'
    own = re.sub(of_this_machine, "", ir, flags=re.MULTILINE)
    assembly = machine.emit_assembly(llvm.parse_assembly(f'target triple = "{triple}"\n{own}'))
    names = re.findall(r"^\t(stlr|dmb|str|stp|stur)\b", assembly, re.MULTILINE)
    return "".join({"stlr": "r", "dmb": "b"}.get(name, "a") for name in names)


def test_arm_holds_the_words_of_a_job_back_until_its_ticket_is_closed() -> None:
    """`stlr` alone does not: without the barrier a helper could take the old ticket for the new job."""
    ir = njit(types.void(*([types.int64] * 7)), nogil=True)(share.py_func).inspect_llvm()
    (text,) = ir.values()
    job = re.compile("rrb+a+r")  # ticket closed, nothing done yet, barrier, the words, ticket opened
    assert job.search(_writes_on_arm(text))
    assert not job.search(_writes_on_arm(text.replace("fence release", "")))
