import signal
import subprocess
import sys
from pathlib import Path

import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import OptionError, TraceError
from flashmoe_nb.observe.journal import Journal, journal_path, read_journal
from tests.observe.made_traces import columns, facts, made_trace, same

SCRIPT = Path(__file__).parent / "killed_recording.py"


def _killed(tiny: Path, path: Path, segments: int) -> int:
    """Run until SIGKILL; returns how many tokens had been fed."""
    command = [sys.executable, str(SCRIPT), str(tiny), str(path), str(segments)]
    run = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    return int(run.stdout.split()[-1])


def test_what_was_flushed_survives_a_kill(tiny: Path, tmp_path: Path):
    path = tmp_path / "run.safetensors"
    fed = _killed(tiny, path, segments=3)
    trace = fm.load_trace(path)
    assert not trace.complete
    assert 6 <= len(trace) <= fed
    assert trace.token_ids.tolist() == list(range(len(trace)))
    with fm.open(tiny) as engine:
        session = engine.session()
        with fm.record(session) as again:
            for number in range(len(trace)):
                session.feed([number])
    assert (again.routed_experts == trace.routed_experts).all()
    assert (again.routing_weights == trace.routing_weights).all()
    assert again.logical_count.tolist() == trace.logical_count.tolist()


def test_an_unfinished_trace_is_not_overwritten_but_can_be_saved(tiny: Path, tmp_path: Path):
    path = tmp_path / "run.safetensors"
    _killed(tiny, path, segments=2)
    with fm.open(tiny) as engine:
        refused = pytest.raises(OptionError, match="unfinished")
        with refused, fm.record(engine.session(), path):
            pass
    trace = fm.load_trace(path)
    kept = fm.load_trace(trace.save(tmp_path / "kept.safetensors"))
    assert same(kept, trace)
    assert not kept.complete


def _journal(path: Path, pieces: int) -> Journal:
    journal = Journal(path, facts())
    for number in range(pieces):
        journal.append([columns(facts(), 0, 4, number)])
    return journal


def test_segments_read_back_in_order(tmp_path: Path):
    path = tmp_path / "run.safetensors"
    _journal(path, 12)
    segments, _ = read_journal(path)
    assert len(segments) == 12
    assert all((found["token_id"] == columns(facts(), 0, 4, n)["token_id"]).all() for n, found in enumerate(segments))


def test_a_gap_ends_what_is_read(tmp_path: Path):
    path = tmp_path / "run.safetensors"
    _journal(path, 5)
    (journal_path(path) / "000003.safetensors").unlink()
    assert len(read_journal(path)[0]) == 3


def test_a_half_written_segment_is_not_read(tmp_path: Path):
    path = tmp_path / "run.safetensors"
    _journal(path, 2)
    whole = (journal_path(path) / "000001.safetensors").read_bytes()
    (journal_path(path) / "000002.safetensors.partial").write_bytes(whole[: len(whole) // 2])
    assert len(read_journal(path)[0]) == 2


def test_a_torn_last_segment_ends_what_is_read(tmp_path: Path):
    """After a power failure a file may have its name and not its bytes."""
    path = tmp_path / "run.safetensors"
    _journal(path, 3)
    last = journal_path(path) / "000002.safetensors"
    last.write_bytes(last.read_bytes()[:-9])
    assert len(read_journal(path)[0]) == 2
    first = journal_path(path) / "000000.safetensors"
    first.write_bytes(b"")
    with pytest.raises(TraceError):
        read_journal(path)


def test_a_journal_without_segments_is_refused(tmp_path: Path):
    path = tmp_path / "run.safetensors"
    Journal(path, facts())
    with pytest.raises(TraceError, match="no segment"):
        fm.load_trace(path)


def test_a_failed_finish_keeps_the_journal(tmp_path: Path):
    path = tmp_path / "run.safetensors"
    journal = _journal(path, 2)
    blocker = path.with_name(path.name + ".partial")
    blocker.mkdir()
    with pytest.raises(TraceError, match="whole in"):
        journal.finish([columns(facts(), 0, 4, n) for n in range(2)])
    assert len(fm.load_trace(path)) == 8
    blocker.rmdir()
    journal.finish([columns(facts(), 0, 4, n) for n in range(2)])
    assert fm.load_trace(path).complete
    assert not journal_path(path).exists()


def test_a_trace_saved_from_memory_loads_equal(tmp_path: Path):
    trace = made_trace()
    assert same(fm.load_trace(trace.save(tmp_path / "a.safetensors")), trace)
