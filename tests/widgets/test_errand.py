"""Work that a widget hands over: in order, off the caller's thread, refused when too much waits."""

import subprocess
import sys
import threading

import pytest

from flashmoe_nb.errors import SessionBusyError
from flashmoe_nb.widgets.errand import MOST_WAITING, Errands


def test_jobs_are_done_in_order_on_another_thread():
    errands, done, threads = Errands(), [], set()
    for number in range(MOST_WAITING):
        errands.add(lambda number=number: (done.append(number), threads.add(threading.current_thread())))
    assert errands.wait(10)
    assert done == list(range(MOST_WAITING))
    assert threading.main_thread() not in threads
    assert errands.ahead == 0


def test_too_many_are_refused_and_waiting_ones_can_be_dropped():
    errands, gate, done = Errands(), threading.Event(), []
    begun = threading.Event()
    errands.add(lambda: (begun.set(), gate.wait(), done.append("first")))
    begun.wait()
    for _ in range(MOST_WAITING):
        errands.add(lambda: done.append("waited"))
    with pytest.raises(SessionBusyError, match=f"{MOST_WAITING} clicks wait"):
        errands.add(lambda: done.append("refused"))
    assert errands.ahead == MOST_WAITING + 1
    assert not errands.wait(0.01)
    errands.drop()
    gate.set()
    assert errands.wait(10)
    assert done == ["first"]
    errands.add(lambda: done.append("again"))
    assert errands.wait(10)
    assert done == ["first", "again"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_job_that_raises_does_not_block_the_next():
    errands, done = Errands(), []
    errands.add(lambda: 1 / 0)
    for thread in threading.enumerate():
        if thread.name == "flashmoe widget errands":
            thread.join()  # its warning belongs to this test
    errands.add(lambda: done.append(1))
    assert errands.wait(10)
    assert done == [1]


def test_the_interpreter_ends_after_the_job_at_hand():
    script = """
import threading, time
from flashmoe_nb.widgets.errand import Errands

begun = threading.Event()

def job():
    begun.set()
    while threading.main_thread().is_alive():
        time.sleep(0.01)
    print("done")

errands = Errands()
for _ in range(8):
    errands.add(job)
begun.wait()
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.split() == ["done"]
