"""Each experiment on a tiny model: it runs, says what it compared, and keeps the tokens unless it says otherwise."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb import lab
from flashmoe_nb.engine.memory_limit import MemoryLimit
from flashmoe_nb.errors import CheckpointError, OptionError, PackError, PageCacheError, UnsupportedError
from flashmoe_nb.lab.audit import ledger
from flashmoe_nb.lab.forecasting.check import Checked, write_checked
from flashmoe_nb.lab.forecasting.dense_moe import dense_against_moe
from flashmoe_nb.lab.forecasting.outcome import Estimate
from flashmoe_nb.lab.rerun.decoding import same_choices
from flashmoe_nb.lab.rerun.effect import Verdict
from flashmoe_nb.lab.rerun.page import page
from flashmoe_nb.lab.rerun.quality import kl_bits, log_softmax
from flashmoe_nb.lab.rerun.records import markdown, read_results, write_result
from flashmoe_nb.lab.rerun.registry import all_experiments, run
from flashmoe_nb.lab.rerun.requantized import write_requantized
from flashmoe_nb.lab.rerun.result import Arm, Result
from flashmoe_nb.observe.requantize import requantize_slot

KERNELS = [name for name, one in all_experiments().items() if not one.needs_streaming]
CHANGING = [name for name, one in all_experiments().items() if one.changes_tokens]
UNCHANGING = [name for name in all_experiments() if name not in (*KERNELS, *CHANGING)]


def _quick(name: str, engine: fm.Engine, tmp_path: Path, **options: object) -> Result:
    return run(name, engine, repetitions=2, tokens=4, warmup=3, scratch=tmp_path, **options)


def test_every_runnable_row_of_the_ledger_can_be_run():
    assert {row.experiment for row in ledger() if row.runnable} == set(all_experiments())


@pytest.mark.parametrize("name", UNCHANGING)
def test_tokens_stay_the_same(name: str, engine: fm.Engine, tmp_path: Path):
    pytest.importorskip("lz4")
    result = _quick(name, engine, tmp_path)
    assert result.same_tokens is True
    assert len(result.arms) >= 2
    assert all(len(arm.times_ns) == 2 for arm in result.arms.values())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", CHANGING)
def test_damage_is_counted_where_tokens_change(name: str, engine: fm.Engine, tmp_path: Path):
    result = _quick(name, engine, tmp_path)
    own, *others = result.arms.values()
    assert own.facts["KL bits a token"] == pytest.approx(0, abs=1e-6)
    assert all(arm.facts["KL bits a token"] > 1e-4 for arm in others)
    if name != "skip-shared":
        assert others[-1].facts["MB read a token"] < own.facts["MB read a token"]


@pytest.mark.parametrize("name", KERNELS)
def test_kernels_are_compared_without_tokens(name: str, engine: fm.Engine, tmp_path: Path):
    pytest.importorskip("numba")
    result = _quick(name, engine, tmp_path)
    assert result.same_tokens is None
    assert len(result.arms) >= 2
    assert all(len(arm.times_ns) == 2 and min(arm.times_ns) > 0 for arm in result.arms.values())
    assert result.per == "call"


def test_previous_tokens_are_guessed_as_the_trace_says(engine: fm.Engine, tmp_path: Path):
    ids = [9] * 8  # the same token again and again: much of its routing comes back
    result = _quick("prefetch-previous-token", engine, tmp_path, ids=ids)
    right, random = (result.arms[f"control: {name} experts"].facts for name in ("the right", "random"))
    assert right["guessed of wanted"] == 1
    assert right["wasted of guesses"] == 0
    assert random["guessed of wanted"] < 0.5
    assert result.judged == ("previous token's experts",)


def test_the_next_router_on_its_own_input_would_be_right(engine: fm.Engine, tmp_path: Path):
    result = _quick("prefetch-next-router", engine, tmp_path)
    guessed = [arm.facts.get("guessed of wanted") for arm in result.arms.values()]
    assert guessed[0] is None
    assert 0 < guessed[1] < 1
    assert guessed[2] == 1


@pytest.mark.root
def test_an_experiment_runs_under_a_memory_limit(engine: fm.Engine, tmp_path: Path):
    try:
        with MemoryLimit(2**28, engine, "cgroup"):
            pass
    except PageCacheError as error:
        pytest.skip(str(error))
    result = _quick("own-lru", engine, tmp_path, memory_limit=2**28)
    assert result.same_tokens
    assert "0.25 GiB of memory" in result.setting


def test_cold_tokens_come_from_the_device(packed_folder: Path, tmp_path: Path):
    with fm.open(packed_folder, top_k=4, ops="cpu") as engine:
        try:
            engine.evict()
        except PageCacheError as error:
            pytest.skip(str(error))
        cold = _quick("chunked-reads", engine, tmp_path, cold=True).arms["preadv"].facts
        warm = _quick("chunked-reads", engine, tmp_path).arms["preadv"].facts
    if "share not from the device" not in cold or cold["MB from the device a token"] == 0:
        pytest.skip("the file system keeps its data in memory")
    assert cold["share not from the device"] < 0.5
    assert warm["share not from the device"] > 0.99


def test_a_requantized_checkpoint_is_what_requantized_slots_hold(engine: fm.Engine, tmp_path: Path):
    nbytes = write_requantized(engine.checkpoint, tmp_path, 2)
    assert nbytes / engine.checkpoint.expert_bytes == pytest.approx(3 / 5, abs=0.01)  # float32 scales and biases
    slots = engine.session()
    for layer in range(4):
        slots.rewrites |= {(layer, expert): requantize_slot(2) for expert in range(32)}
    with fm.open(tmp_path, top_k=4, ops="cpu") as coarse:
        session, plain = coarse.session(), engine.session()
        for token in (3, 7, 11):
            found, expected, own = (np.array(one.feed([token])) for one in (session, slots, plain))
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()
    assert np.abs(own - expected).max() > 1e-2 * np.abs(expected).max()


def _open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_nothing_stays_open_where_fewer_bits_are_refused(
    engine: fm.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    before = _open_files()
    with pytest.raises(UnsupportedError, match="4 bits already") as refused:
        write_requantized(engine.checkpoint, tmp_path, 4)
    assert _open_files() == before, refused  # the frames are still alive, so nothing was collected
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(PackError) as full:
        write_requantized(engine.checkpoint, tmp_path, 2)
    assert _open_files() == before, full


def test_choices_on_a_par_may_differ_others_not():
    logits = np.array([[0.0, 1.0, 1.0 - 1e-6]], np.float32)
    swapped = np.array([[0.0, 1.0 - 1e-6, 1.0]], np.float32)
    assert same_choices(logits, swapped)
    assert not same_choices(np.array([[0.0, 1.0, 0.5]]), np.array([[0.0, 0.4, 0.5]]))


def test_kl_is_none_for_the_same_and_one_bit_for_a_halved_choice():
    sure, halved = log_softmax(np.array([[0.0, -1e9]])), log_softmax(np.array([[0.0, 0.0]]))
    assert kl_bits(halved, halved)[0] == pytest.approx(0)
    assert kl_bits(sure, halved)[0] == pytest.approx(1)


def _result(times: list[float], verdict: Verdict | None = Verdict.FASTER) -> Result:
    arms = {"old": Arm([10.0, 10.1, 9.9]), "new": Arm(times, {"MB": 2.0})}
    return Result("mmap", "Maps", "here", "token", arms, True, "5 x", verdict, why="because")


def test_a_result_says_where_it_differs_and_why():
    same, other = _result([5.0, 5.1, 4.9]), _result([20.0, 20.1, 19.9])
    assert same.agrees is True
    assert other.agrees is False
    assert "because" in other.table().text()
    assert "because" not in same.table().text()
    assert _result([20.0, 1.0, 5.0]).agrees is None
    assert _result([5.0, 5.0, 5.1], None).agrees is None


def test_results_come_back_from_their_files(tmp_path: Path):
    written = _result([5.0, 5.1, 4.9])
    write_result(written, tmp_path, "tiny.warm")
    [found] = read_results(tmp_path)
    assert found.record() == written.record()
    assert found.about["machine"]["cores"] >= 1
    assert "## mmap" in markdown([found])
    (tmp_path / "b.tiny.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"b\.tiny"):
        read_results(tmp_path)


def test_a_notebook_gets_the_table(engine: fm.Engine, tmp_path: Path):
    shown = _quick("hints", engine, tmp_path)._repr_html_()
    assert "the original:" in shown
    assert shown.startswith("<div")


@pytest.mark.parametrize(
    ("options", "told"),
    [({"repetitions": 1}, "2 or more"), ({"tokens": 1}, "tokens is 1"), ({"ids": [1, 2]}, "are needed")],
)
def test_what_makes_no_experiment_is_refused(options: dict[str, object], told: str, engine: fm.Engine):
    with pytest.raises(OptionError, match=told):
        run("mmap", engine, **options)
    with pytest.raises(OptionError, match="own-lru"):
        run("speculation", engine)


def test_the_lab_offers_all_of_it():
    assert {"claims", "ledger", "run", "experiments"} <= set(dir(lab))
    assert len(lab.experiments().rows) == len(all_experiments())
    with pytest.raises(AttributeError):
        lab.nothing  # noqa: B018 - the access is the test


def test_the_page_in_the_docs_is_the_one_of_the_kept_results():
    root = Path(__file__).parents[3]
    expected = page(root / "data" / "experiments")
    assert (root / "docs" / "experiments.md").read_text("utf-8") == expected, (
        "run: flashmoe lab report data/experiments"
    )


def test_the_page_shows_what_was_kept(tmp_path: Path):
    empty = page(tmp_path)
    assert "Nothing has been kept yet" in empty
    write_result(_result([5.0, 5.1, 4.9]), tmp_path, "tiny.warm")
    dense_against_moe(machine="m3-max-48").write(tmp_path)
    write_checked([Checked("tiny", 2, 0.5, "cold", Estimate(10, 8, 12), 9, 0.5, 0.5)], tmp_path)
    shown = page(tmp_path)
    assert "Nothing has been kept yet" not in shown
    assert "## mmap" in shown
    assert "1 of 1 inside" in shown
    assert "9B dense asks for 4.47 GB" in shown
