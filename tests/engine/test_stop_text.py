"""Stop strings: found however the text is cut into pieces, and nothing of them is ever given out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flashmoe_nb.engine.stop_text import StopText

pieces = st.lists(st.text("ab", max_size=5), max_size=12)
stops = st.lists(st.text("ab", min_size=1, max_size=4), max_size=3)


def _run(stop_strings: list[str], parts: list[str]) -> tuple[str, bool]:
    stop = StopText(stop_strings)
    out = ""
    for part in parts:
        out += stop.push(part)
        if stop.found:
            return out, True
    return out + stop.flush(), False


@given(pieces, stops)
def test_output_ends_before_the_first_stop(parts: list[str], stop_strings: list[str]) -> None:
    text = "".join(parts)
    out, found = _run(stop_strings, parts)
    assert found == any(stop in text for stop in stop_strings)
    assert text.startswith(out)
    assert not any(stop in out for stop in stop_strings)
    if not found:
        assert out == text


@given(pieces, st.text("ab", min_size=1, max_size=4))
def test_one_stop_cuts_where_it_begins(parts: list[str], stop: str) -> None:
    text = "".join(parts)
    out, found = _run([stop], parts)
    assert out == (text[: text.index(stop)] if found else text)


@given(pieces, stops)
def test_what_is_held_back_could_still_become_a_stop(parts: list[str], stop_strings: list[str]) -> None:
    """Nothing is delayed without a reason."""
    stop, text, out = StopText(stop_strings), "", ""
    for part in parts:
        text += part
        out += stop.push(part)
        if stop.found:
            return
        held = text[len(out) :]
        assert not held or any(s.startswith(held) for s in stop_strings)


def test_stop_over_three_pieces() -> None:
    stop = StopText(["</end>"])
    assert [stop.push(part) for part in ("so </", "e", "nd>, no more")] == ["so ", "", ""]
    assert stop.found


def test_false_alarm_is_given_out() -> None:
    """Negative control: a beginning that goes on otherwise was not one."""
    stop = StopText(["</end>"])
    assert [stop.push(part) for part in ("so </", "e", "mph>")] == ["so ", "", "</emph>"]
    assert not stop.found


def test_no_stops_hold_nothing_back() -> None:
    stop = StopText(["", ""])
    assert (stop.push("a"), stop.flush(), stop.found) == ("a", "", False)
