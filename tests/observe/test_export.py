import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.observe import Trace, export
from flashmoe_nb.observe.schema import NO_EXPERT
from tests.observe.made_traces import made_trace, with_columns

HEADER = "turn,phase,step,layer,slot,expert,weight,residency,expert_bytes"


def _brute(trace: Trace) -> list[tuple[object, ...]]:
    """Row by row: each read goes to the first choice of its expert in its layer and pass."""
    reads = trace.reads
    left = {(int(reads.token[n]), int(reads.layer[n]), int(reads.expert[n])): n for n in range(len(reads))}
    rows: list[tuple[object, ...]] = []
    for token in range(len(trace)):
        for at, layer in enumerate(trace.sparse_layers):
            for k in range(trace.facts.top_k):
                expert = int(trace.routed_experts[token, at, k])
                read = left.pop((int(trace.column("pass_start")[token]), layer, expert), None)
                phase = ("prefill", "decode")[trace.phase[token]]
                weight = float(trace.routing_weights[token, at, k])
                known = (-1, np.nan, 0)
                if read is not None:
                    known = (
                        int(reads.slot[read]),
                        float(reads.resident_fraction_before[read]),
                        int(reads.nbytes[read]),
                    )
                rows.append((1, phase, token, layer, known[0], expert, weight, known[1], known[2]))
    assert not left
    return rows


def test_rows_are_those_of_a_loop():
    trace = made_trace(prompt=6, decoded=5)
    table = export.rows(trace)
    found = list(zip(*(table[name].tolist() for name in export.COLUMNS), strict=True))
    for ours, theirs in zip(found, _brute(trace), strict=True):
        assert ours[:6] == theirs[:6]
        assert np.array_equal(ours[6:], theirs[6:], equal_nan=True)


def test_a_choice_of_fewer_experts_has_fewer_rows_and_moves_no_other():
    trace = made_trace(prompt=6, decoded=5)
    ids = np.array(trace.routed_experts)
    dropped = int(ids[8, 1, 3])
    ids[8, 1, 3] = NO_EXPERT
    short = with_columns(trace, expert_ids=ids)
    found, whole = export.rows(short), export.rows(trace)
    gone = (whole["step"] == 8) & (whole["layer"] == 1) & (whole["expert"] == dropped)
    assert gone.sum() == 1
    for name, values in found.items():
        np.testing.assert_array_equal(values, whole[name][~gone], err_msg=name)


def test_bytes_in_the_table_are_the_bytes_read():
    trace = made_trace()
    assert export.rows(trace)["expert_bytes"].sum() == trace.reads.nbytes.sum()


def test_csv_is_the_table_in_the_columns_other_tools_write(tmp_path: Path):
    trace = made_trace(prompt=300, decoded=400)
    unknown = np.where(trace.reads.token % 2, trace.reads.resident_fraction_before, np.nan).astype(np.float32)
    trace = with_columns(trace, read_resident_fraction_before=unknown)
    path = trace.to_csv(tmp_path / "trace.csv")
    text = path.read_text("utf-8")
    assert text.splitlines()[0] == HEADER
    table = export.rows(trace)
    rows = list(csv.DictReader(text.splitlines()))
    assert [int(row["expert"]) for row in rows] == table["expert"].tolist()
    assert [int(row["expert_bytes"]) for row in rows] == table["expert_bytes"].tolist()
    assert [-1 if row["slot"] == "" else int(row["slot"]) for row in rows] == table["slot"].tolist()
    found = np.array([np.nan if row["residency"] == "" else float(row["residency"]) for row in rows])
    assert np.array_equal(found, table["residency"], equal_nan=True)
    with pytest.raises(OptionError, match="exists"):
        trace.to_csv(path)


def test_pandas_has_the_same_rows():
    pandas = pytest.importorskip("pandas")
    trace = made_trace()
    frame = trace.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == HEADER.split(",")
    assert frame.expert_bytes.sum() == trace.reads.nbytes.sum()


def test_parquet_reads_back(tmp_path: Path):
    parquet = pytest.importorskip("pyarrow.parquet")
    trace = made_trace()
    path = trace.to_parquet(tmp_path / "trace.parquet")
    assert parquet.read_table(path).column_names == HEADER.split(",")


@pytest.mark.parametrize(("package", "method"), [("pandas", "to_pandas"), ("pyarrow", "to_parquet")])
def test_a_missing_package_is_one_clear_error(
    package: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, package, None)
    trace = made_trace()
    with pytest.raises(OptionError, match=f'pip install {package}"'):
        trace.to_pandas() if method == "to_pandas" else trace.to_parquet(tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []
