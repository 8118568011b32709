"""Suite `memory`: what a line of its table says. Peaks of real runs are recorded, not asserted."""

from __future__ import annotations

from flashmoe_nb.lab.bench.case import Case, Measured, Memory
from flashmoe_nb.lab.bench.memory import Row, tabulated

KEPT = Memory(resident_bytes=1_000_000_000, slot_bytes=113_000_000, state_bytes=5_000_000)


def _row(system: str, peak_bytes: int, allowed_bytes: int | None, tokens: list[int]) -> Row:
    memory = KEPT if system == "flashmoe_nb" else None
    read_bytes = 510_000_000 if memory else 0
    measured = Measured(peak_bytes, None, None, 149_000_000, memory, 1, 2, [10**9, 3 * 10**9], read_bytes, tokens)
    return Row(Case("decode", system, "folder", 1, 2), measured, allowed_bytes)


def test_a_line_has_every_size_in_megabytes_and_what_it_read() -> None:
    table = tabulated([_row("flashmoe_nb", 1_300_000_000, 1_368_000_000, [1, 2])], "two layers")
    assert dict(zip(table.columns, table.rows[0], strict=True)) == {
        "run": "decode",
        "weights": 1000,
        "slots": 113,
        "state+KV": 5,
        "interpreter": 149,
        "allowed": 1368,
        "peak RSS": 1300,
        "MB read": 510,
        "kept to it": True,
        "s a token": 2.0,
    }


def test_more_than_allowed_and_other_tokens_are_said() -> None:
    ours, theirs = (
        _row("flashmoe_nb", 1_400_000_000, 1_368_000_000, [1, 2]),
        _row("mlx-lm", 9_000_000_000, None, [1, 3]),
    )
    table = tabulated([ours, theirs], "two layers")
    assert [row[table.columns.index("kept to it")] for row in table.rows] == [False, None]
    assert table.rows[1][1:8] == (None, None, None, 149, None, 9000, None)  # mlx-lm counts no reads
    assert table.notes == ["greedy tokens of flashmoe_nb and mlx-lm: DIFFERENT"]
    assert "equal" in tabulated([ours, _row("mlx-lm", 1, None, [1, 2])], "two layers").notes[0]
