"""Page arithmetic against counting, and the questions that are refused."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashmoe_nb.errors import PageCacheError
from flashmoe_nb.pagecache.ranges import PageSpan, leading_bytes, page_span, span_to_evict

if TYPE_CHECKING:
    from pathlib import Path

PAGE_SIZES = st.sampled_from([4096, 16384])


@given(offset=st.integers(0, 200_000), nbytes=st.integers(1, 200_000), page_bytes=PAGE_SIZES)
def test_page_span_covers_every_touched_page_and_no_other(offset: int, nbytes: int, page_bytes: int):
    touched = {byte // page_bytes for byte in (*range(offset, offset + nbytes, page_bytes), offset + nbytes - 1)}
    span = PageSpan.covering(offset, nbytes, page_bytes)
    assert span.start_bytes == min(touched) * page_bytes
    assert span.n_pages == len(touched)
    assert span.nbytes == len(touched) * page_bytes


@given(data=st.data(), offset=st.integers(0, 50_000), nbytes=st.integers(1, 100_000), page_bytes=PAGE_SIZES)
def test_leading_bytes_end_at_the_first_page_that_is_not_resident(
    data: st.DataObject, offset: int, nbytes: int, page_bytes: int
):
    n_pages = PageSpan.covering(offset, nbytes, page_bytes).n_pages
    pages = np.array(data.draw(st.lists(st.booleans(), min_size=n_pages, max_size=n_pages)))
    first_page = offset // page_bytes
    missing = [page for page in range(n_pages) if not pages[page]]
    end = offset + nbytes if not missing else max(offset, (first_page + missing[0]) * page_bytes)
    assert leading_bytes(pages, offset, nbytes, page_bytes) == end - offset


@pytest.mark.parametrize(("offset", "nbytes"), [(0, 0), (0, 10_001), (10_000, 1), (-1, 5), (0, -5), (1 << 60, 1)])
def test_page_span_refuses_a_range_not_inside_the_file(tmp_path: Path, offset: int, nbytes: int):
    (tmp_path / "a.bin").write_bytes(bytes(10_000))
    with (tmp_path / "a.bin").open("rb") as file, pytest.raises(PageCacheError, match="10,000 bytes, asked about"):
        page_span(file.fileno(), offset, nbytes, 4096)


def test_page_span_refuses_what_is_no_open_regular_file(tmp_path: Path):
    read_end, write_end = os.pipe()
    folder = os.open(tmp_path, os.O_RDONLY)
    for fd in (read_end, folder):
        with pytest.raises(PageCacheError, match="no regular file"):
            page_span(fd, 0, 1, 4096)
    for fd in (read_end, write_end, folder):
        os.close(fd)
    with pytest.raises(PageCacheError, match=r"file descriptor -1 cannot be asked about \(Bad file descriptor\)"):
        page_span(-1, 0, 1, 4096)


def test_span_to_evict_reads_zero_as_up_to_the_end(tmp_path: Path):
    (tmp_path / "a.bin").write_bytes(bytes(10_000))
    with (tmp_path / "a.bin").open("rb") as file:
        assert span_to_evict(file.fileno(), 0, 0, 4096) == PageSpan(0, 3, 4096)
        assert span_to_evict(file.fileno(), 5_000, 0, 4096) == PageSpan(4096, 2, 4096)
        assert span_to_evict(file.fileno(), 10_000, 0, 4096) is None
        with pytest.raises(PageCacheError):
            span_to_evict(file.fileno(), 10_001, 0, 4096)
