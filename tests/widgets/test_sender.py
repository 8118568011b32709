"""The sender: at most two messages under way, everything that waits goes along, nothing is lost."""

import threading
import time
from collections.abc import Iterator

import pytest

from flashmoe_nb.widgets import sender as sender_module
from flashmoe_nb.widgets.sender import Sender


class Rows:
    """A source whose rows are numbers; chunks name the rows they carry."""

    def __init__(self) -> None:
        self.made = self.sent = 0

    def next_chunk(self) -> tuple[bytes, int] | None:
        first, self.sent = self.sent, self.made
        return (f"{first}-{self.sent}".encode(), self.sent - first) if self.sent > first else None


class FrontEnd:
    """Keeps messages; acknowledges those it is told to."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict, list[bytes]]] = []
        self.came = threading.Condition()

    def post(self, content: dict, buffers: list[bytes]) -> None:
        with self.came:
            self.messages.append((content, buffers))
            self.came.notify_all()

    def wait_for(self, count: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: len(self.messages) >= count, 10), f"{len(self.messages)} of {count}"

    @property
    def rows(self) -> list[str]:
        return [
            buffers[0].decode()
            for content, buffers in self.messages
            for part in content["parts"][:1]
            if part["kind"] == "rows"
        ]


@pytest.fixture
def front_end() -> FrontEnd:
    return FrontEnd()


@pytest.fixture
def sender(front_end: FrontEnd) -> Iterator[Sender]:
    made = Sender(front_end.post)
    yield made
    made.stop()


def acknowledge(sender: Sender, seq: int, painted: int = -1) -> None:
    sender.acknowledged(seq, painted, 1, [])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for acknowledgements as good as for ever."""
    monkeypatch.setattr(sender_module, "OPEN_LOOP_S", 3600)


def grow(rows: Rows, to: int) -> None:
    rows.made = to
    time.sleep(0.15)  # several times as long as the sender leaves between two looks


def test_no_third_message_before_one_is_acknowledged(sender: Sender, front_end: FrontEnd, patient: None):
    rows = Rows()
    sender.start(rows)
    for made in (1, 2, 3, 4, 5):
        grow(rows, made)
    assert front_end.rows == ["0-1", "1-2"]
    acknowledge(sender, 1)
    front_end.wait_for(3)
    assert front_end.rows[2:] == ["2-5"], "what waited came together"
    stats = sender.get_stats()
    assert (stats["sent"], stats["rows"], stats["coalesced"], stats["dropped"]) == (3, 5, 2, 0)
    assert (stats["unacked"], stats["open_loop"]) == (2, 0)


def test_without_acknowledgements_it_goes_on_slowly(sender: Sender, front_end: FrontEnd):
    rows = Rows()
    sender.start(rows)
    for made in range(1, 9):
        grow(rows, made)
    front_end.wait_for(4)
    assert sender.get_stats()["open_loop"] >= 1
    sender.stop()
    assert sum(int(end) - int(start) for start, end in (one.split("-") for one in front_end.rows)) == 8


def test_an_acknowledgement_of_what_was_never_sent_opens_nothing(sender: Sender, front_end: FrontEnd, patient: None):
    rows = Rows()
    sender.start(rows)
    acknowledge(sender, 1000)
    for made in (1, 2, 3):
        grow(rows, made)
    assert len(front_end.messages) == 2


def test_stop_sends_the_rest(sender: Sender, front_end: FrontEnd, patient: None):
    rows = Rows()
    sender.start(rows)
    for made in (1, 2, 3):
        grow(rows, made)
    rows.made = 7
    sender.stop()
    assert front_end.rows == ["0-1", "1-2", "2-7"]


def test_parts_go_along_in_order_and_a_newer_one_replaces_its_key(sender: Sender, front_end: FrontEnd, patient: None):
    rows = Rows()
    sender.start(rows)
    for made in (1, 2):
        grow(rows, made)
    sender.put({"kind": "residency", "layer": 1}, [b"old"], key=1)
    sender.put({"kind": "note"})
    sender.put({"kind": "residency", "layer": 1}, [b"new", b"more"], key=1)
    sender.put({"kind": "note"})
    rows.made = 3
    acknowledge(sender, 2)
    front_end.wait_for(3)
    content, buffers = front_end.messages[2]
    assert [part["kind"] for part in content["parts"]] == ["rows", "residency", "note", "note"]
    assert [part["n_buffers"] for part in content["parts"]] == [1, 2, 0, 0]
    assert buffers == [b"2-3", b"new", b"more"]


def test_a_part_leaves_at_once_where_no_thread_runs(sender: Sender, front_end: FrontEnd):
    sender.put({"kind": "note"})
    assert front_end.messages == [({"seq": 1, "parts": [{"kind": "note", "n_buffers": 0}]}, [])]


def test_what_was_painted_is_told(sender: Sender):
    sender.put({"kind": "note"})
    sender.acknowledged(1, 41, 7, [12.5])
    stats = sender.get_stats()
    assert (stats["painted"], stats["frames"], stats["latencies_ms"], stats["unacked"]) == (41, 7, [12.5], 0)
    sender.reset_stats()
    assert sender.get_stats()["sent"] == 0
