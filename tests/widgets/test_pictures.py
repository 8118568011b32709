"""Pictures of widgets that no front end drew: each shows its data, and an empty one shows nothing."""

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.widgets import CacheSim, PageCacheView, ReadTimeline, TokenStrip

WIDGETS = (CacheSim, PageCacheView, ReadTimeline, TokenStrip)
CACHE, SSD = (0, 158, 115), (230, 159, 0)


def holds(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    """Whether any pixel has the colour."""
    return bool((picture == np.array(colour, np.uint8)).all(axis=-1).any())


@pytest.mark.parametrize("kind", WIDGETS, ids=lambda kind: kind.__name__)
def test_a_picture_holds_more_than_paper(kind: type, recorded: fm.Trace):
    view = kind(recorded)
    if kind is CacheSim:
        view.replay()
    assert len(np.unique(view.picture().reshape(-1, 3), axis=0)) > 1
    assert view.snapshot().data.startswith(b"\x89PNG")
    view.close()
    empty = kind()
    assert len(np.unique(empty.picture().reshape(-1, 3), axis=0)) == 1
    empty.close()


def test_reads_are_coloured_by_their_source(recorded: fm.Trace):
    reads = recorded.reads
    least = {token: reads.resident_fraction_before[reads.token == token].min() for token in np.unique(reads.token)}
    warm = max(token for token, fraction in least.items() if fraction == 1)
    cold = max(token for token, fraction in least.items() if fraction == 0)
    view = ReadTimeline(recorded[: warm + 1])
    assert holds(view.picture(), CACHE)
    assert not holds(view.picture(), SSD)
    view.attach(recorded[: cold + 1])
    assert holds(view.picture(), SSD)
    view.close()


def test_the_least_expected_token_has_the_highest_bar(recorded: fm.Trace):
    view = TokenStrip(recorded)
    bars = (view.picture() == np.array((0, 114, 178), np.uint8)).all(axis=-1).sum(axis=0)[::4]
    assert bars.argmax() == np.nanargmin(recorded.column("token_logprob"))
    view.close()


def test_residency_of_a_trace_is_what_its_reads_found(recorded: fm.Trace):
    view = PageCacheView(recorded)
    picture = view.picture()[::12, ::2]
    reads = recorded.reads
    last = {place: read for read, place in enumerate(zip(reads.layer.tolist(), reads.expert.tolist(), strict=True))}
    layer, expert = next(place for place, read in last.items() if reads.resident_fraction_before[read] == 1)
    assert picture[layer, expert].tolist() == [253, 231, 37]
    untouched = next(e for e in range(512) if (0, e) not in last)
    assert picture[0, untouched].tolist() == [200, 200, 200]
    view.close()
