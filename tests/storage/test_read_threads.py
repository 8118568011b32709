import threading
import time

import pytest

from flashmoe_nb.storage.read_threads import ReadThreads


def test_threads_wait_for_helpers_when_the_asker_raises():
    threads = ReadThreads(2)
    begun, ended = threading.Event(), threading.Event()

    def helper_job(thread: int) -> None:
        begun.set()
        time.sleep(0.05)
        ended.set()

    def asker_job(thread: int) -> None:
        begun.wait(20)
        raise KeyboardInterrupt

    def job(thread: int) -> None:
        (asker_job if thread == 0 else helper_job)(thread)

    with pytest.raises(KeyboardInterrupt):
        threads.run([job, job], lambda: None)
    assert ended.is_set()
    threads.close()
