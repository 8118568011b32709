import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from flashmoe_nb.errors import ReadError
from flashmoe_nb.storage import positional
from flashmoe_nb.storage.positional import MAX_BUFFERS, as_bytes, read_exactly


def read_into(path: Path, sizes: Sequence[int], offset: int = 0) -> tuple[list[bytes], int]:
    buffers = [bytearray(size) for size in sizes]
    fd = os.open(path, os.O_RDONLY)
    try:
        calls = read_exactly(fd, [memoryview(buffer) for buffer in buffers], offset, sum(sizes), path)
    finally:
        os.close(fd)
    return [bytes(buffer) for buffer in buffers], calls


def test_more_buffers_than_one_call_takes(tmp_path: Path):
    data = random.Random(3).randbytes(3 * (2 * MAX_BUFFERS + 1))
    (tmp_path / "f").write_bytes(b"?" + data)
    found, calls = read_into(tmp_path / "f", [3] * (2 * MAX_BUFFERS + 1), offset=1)
    assert b"".join(found) == data
    assert calls == 3


def test_count_cut_by_the_kernel_is_continued(monkeypatch: pytest.MonkeyPatch):
    """Linux gives at most 2**31 - 4096 bytes a call: ask for more, into one buffer many times."""
    if os.uname().sysname != "Linux":
        pytest.skip("macOS refuses the call instead")
    monkeypatch.setattr(positional, "MAX_CALL_BYTES", 1 << 40)
    part, n_parts = 32 << 20, 65
    buffer = bytearray(b"\xaa") * part
    fd = os.open("/dev/zero", os.O_RDONLY)  # not a file: two gigabytes would push other things out of the page cache
    assert read_exactly(fd, [memoryview(buffer)] * n_parts, 0, part * n_parts, Path("/dev/zero")) >= 2
    os.close(fd)
    assert not any(buffer[::4096])
    assert buffer[-1] == 0


def test_short_counts_are_continued_across_buffers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = random.Random(4).randbytes(1000)
    (tmp_path / "f").write_bytes(data)
    preadv = os.preadv

    def stingy(fd: int, buffers: Sequence[memoryview], offset: int) -> int:
        return preadv(fd, [buffers[0][:7]], offset)

    monkeypatch.setattr(os, "preadv", stingy)
    found, calls = read_into(tmp_path / "f", [400, 1, 599])
    assert b"".join(found) == data
    assert calls > 100


def test_calls_are_limited_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = random.Random(5).randbytes(100)
    (tmp_path / "f").write_bytes(data)
    monkeypatch.setattr(positional, "MAX_CALL_BYTES", 30)
    found, calls = read_into(tmp_path / "f", [45, 55])
    assert b"".join(found) == data
    assert calls == 4


def test_end_of_file_is_an_error_with_file_offset_expected_and_got(tmp_path: Path):
    (tmp_path / "short.bin").write_bytes(bytes(100))
    with pytest.raises(ReadError, match=r"short.bin: expected 60 bytes at offset 50, got 50: the file ends there"):
        read_into(tmp_path / "short.bin", [30, 30], offset=50)
    with pytest.raises(ReadError, match=r"expected 1 bytes at offset 100, got 0"):
        read_into(tmp_path / "short.bin", [1], offset=100)


def test_error_of_the_system_is_named(tmp_path: Path):
    fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(ReadError, match=r"expected 4 bytes at offset 8, got 0: Is a directory \(errno 21\)"):
        read_exactly(fd, [memoryview(bytearray(4))], 8, 4, tmp_path)
    os.close(fd)


def test_short_counts_are_continued_in_bfloat16_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """MLX's memoryview of bfloat16 has a format that `memoryview.cast` does not know."""
    mx = pytest.importorskip("mlx.core")
    data = random.Random(6).randbytes(64)
    (tmp_path / "f").write_bytes(data)
    array = mx.zeros((4, 8), mx.bfloat16)
    mx.eval(array)
    monkeypatch.setattr(positional, "MAX_CALL_BYTES", 13)
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    assert read_exactly(fd, [memoryview(array)], 0, 64, tmp_path / "f") == 5
    os.close(fd)
    assert bytes(as_bytes(memoryview(array.view(mx.uint16)))) == data
