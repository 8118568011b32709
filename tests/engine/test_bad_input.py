"""Everything a user can hand in wrong is one clear error: what it is, what was found, what is needed, what to do.

Each row of the tables damages a good checkpoint, or calls a good engine wrongly, and lists what the message must say.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flashmoe_nb as fm
from flashmoe_nb.errors import (
    BudgetError,
    CheckpointError,
    ClosedError,
    ContextError,
    FlashMoeError,
    NumericError,
    OptionError,
    PromptError,
    ReadError,
    SessionBusyError,
)
from flashmoe_nb.storage.pack import pack
from flashmoe_nb.storage.synth import synthesize
from tests.engine.bad_checkpoints import TABLE, Row, nan_in, replaced, shard_of, text_fields, unlinked
from tests.engine.damage import Tensors, edit_tensors, key_ending, split_shards

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flashmoe_nb import Session


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_open_refuses(row: Row, folder: Path) -> None:
    size = shard_of(folder).stat().st_size
    row.damage(folder)
    before = _open_files(), threading.active_count()
    error = _refused(row.error, partial(fm.open, folder, **row.options))
    _says(error, tuple(words.format(size=size, size_less=size - 1000) for words in row.says))
    assert (_open_files(), threading.active_count()) == before


def test_open_takes_the_good_folder_of_the_table(folder: Path) -> None:
    """The negative control of the whole table."""
    split_shards(folder)
    pack(folder, progress=False)
    with fm.open(folder, top_k=5, slots=5, read_threads=1, memory_budget=10**9) as engine:
        assert engine.session().feed([1]).shape == (512,)


@pytest.mark.parametrize("path", ["absent", "file"])
def test_open_refuses_a_path_that_is_no_folder(path: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = _refused(CheckpointError, lambda: fm.open(tmp_path / path))
    _says(error, (f"{path} is not a folder", "give the folder that holds config.json"))


@pytest.mark.parametrize("top_k", [0, 1, 4])
def test_open_refuses_top_k_for_a_dense_model(top_k: int, dense: Path) -> None:
    error = _refused(OptionError, lambda: fm.open(dense, top_k=top_k))
    _says(error, (f"top_k={top_k}", "qwen3_5 is dense", "leave it out"))


def test_open_refuses_a_pack_of_another_quantization(folder: Path, tiny: Path) -> None:
    """Same layers and experts; only the bytes of a record are laid out otherwise."""
    other = folder.parent / "other"
    synthesize("tiny", other, dtype="float32", bits=8, progress=False)
    pack(other, progress=False)
    for experts in (str(other / "packed_experts"), "auto"):
        if experts == "auto":
            (other / "packed_experts").rename(folder / "packed_experts")
        error = _refused(CheckpointError, partial(fm.open, folder, experts=experts))
        _says(error, ("packed_experts holds experts of another quantization", "layer 0", 'run "flashmoe pack" again'))


@pytest.mark.xfail(reason="only layouts are compared on opening; `flashmoe verify --source` compares bytes")
def test_open_refuses_a_pack_of_another_model_of_the_same_shape(folder: Path) -> None:
    """As a fine-tune's experts under the base model's attention: fluent, and wrong."""
    other = folder.parent / "other"
    synthesize("tiny", other, dtype="float32", seed=1, progress=False)
    pack(other, progress=False)
    _refused(CheckpointError, lambda: fm.open(folder, experts=str(other / "packed_experts")).close())


def test_open_refuses_a_small_budget_before_a_weight_is_read(folder: Path) -> None:
    """Bytes read, as the kernel counts them; with enough budget the same count sees the weights."""
    resident = fm.open(folder)
    resident.close()

    def n_read(budget: int) -> int:
        before = _bytes_asked_for()
        if budget < resident.memory.fixed_bytes:
            _refused(BudgetError, lambda: fm.open(folder, memory_budget=budget))
        else:
            fm.open(folder, memory_budget=budget).close()
        return _bytes_asked_for() - before

    n_read(10**9)  # modules are imported
    text_files = sum(path.stat().st_size for path in folder.glob("*.json*"))
    headers = int.from_bytes(shard_of(folder).read_bytes()[:8], "little")
    assert n_read(resident.memory.fixed_bytes - 1) < headers + text_files + 50_000
    assert n_read(10**9) > headers + resident.memory.resident_bytes


# -- feeding and generating --------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Call:
    """One way to call a session wrongly."""

    name: str
    call: Callable[[Session], object]
    error: type[FlashMoeError]
    says: tuple[str, ...]


def _generate(prompt: Any, **options: Any) -> Callable[[Session], object]:
    return lambda session: list(session.generate(prompt, **{"max_tokens": 2, **options}))


def _feed(ids: Any, **options: Any) -> Callable[[Session], object]:
    return lambda session: session.feed(ids, **options)


def _steps(ids: Any, *, prefill: bool = False) -> Callable[[Session], object]:
    return lambda session: list(session.steps(ids, prefill=prefill))


def _send(stage: str, make: Callable[[Any], Any]) -> Callable[[Session], object]:
    """Send another value back at the first event of a stage."""

    def call(session: Session) -> None:
        with session.steps([1, 2], prefill=True) as steps:
            for event in steps:
                if event.stage == stage:
                    steps.send(make(event.value))

    return call


_IMAGE = {"role": "user", "content": [{"type": "image", "image": "cat.png"}, {"type": "text", "text": "What is it?"}]}
WHOLE = ("expected a sequence of whole numbers", "engine.encode()")
CALLS = [
    Call("empty-text", _generate(""), PromptError, ("the prompt is empty", "give some text")),
    Call("no-messages", _generate([]), PromptError, ("the prompt is empty", "at least one message")),
    Call("no-ids", _feed([]), PromptError, ("nothing to feed", "give at least one token id")),
    Call("no-ids-stepped", _steps([]), PromptError, ("nothing to feed", "give at least one token id")),
    Call("no-ids-array", _generate(np.array([], int)), PromptError, ("the prompt is empty",)),
    Call("id-above", _feed([1, 512]), PromptError, ("token id 512 at place 1", "vocabulary of 512", "tokenizer?")),
    Call("id-negative", _feed([-1]), PromptError, ("token id -1 at place 0", "vocabulary of 512", "tokenizer?")),
    Call("id-above-stepped", _steps([512]), PromptError, ("token id 512 at place 0", "vocabulary of 512")),
    Call("id-above-generated", _generate([512]), PromptError, ("token id 512 at place 0", "vocabulary of 512")),
    Call("id-half", _feed([1.5]), PromptError, ("[1.5]", *WHOLE)),
    Call("id-text", _feed("12"), PromptError, ("given as str", *WHOLE)),
    Call("ids-as-texts", _generate(["a", "b"]), PromptError, ("['a', 'b']", *WHOLE)),
    Call("ids-none", _generate(None), PromptError, ("None", *WHOLE)),
    Call("ids-number", _feed(3), PromptError, ("are 3", *WHOLE)),
    Call("ids-table", _feed(np.ones((2, 2), int)), PromptError, WHOLE),
    Call("message-alone", _generate({"role": "user", "content": "a"}), PromptError, ("dict", "put the message in [ ]")),
    Call("message-among-ids", _generate([{"role": "user", "content": "a"}, 5]), PromptError, ("messages[1] is a int",)),
    Call("role", _generate([{"role": "robot", "content": "a"}]), PromptError, ("'robot'", "give one of system, user")),
    Call("image", _generate([_IMAGE]), PromptError, ("messages[0].content[0]", "image", "send text parts only")),
    Call("lone-surrogate", _generate("a\ud800"), PromptError, ("U+D800", "character 1", "decode its source")),
    Call("chunk-0", _feed([1], chunk=0), OptionError, ("chunk is 0", "give at least 1")),
    Call("max-tokens-0", _generate("a", max_tokens=0), OptionError, ("max_tokens is 0", "give at least 1")),
    Call("temperature", _generate("a", temperature=-1), OptionError, ("temperature -1", "temperature >= 0")),
    Call("temperature-nan", _generate("a", temperature=float("nan")), OptionError, ("nan", "temperature >= 0")),
    Call("top-p", _generate("a", top_p=0), OptionError, ("top_p 0", "0 < top_p <= 1")),
    Call("min-p", _generate("a", min_p=1), OptionError, ("min_p 1", "0 <= min_p < 1")),
    Call("seed", _generate("a", seed=-1), OptionError, ("seed is -1", "give 0 or a positive")),
    Call(
        "patch-shape",
        _send("mixer", lambda x: x[:1]),
        OptionError,
        ("mixer of layer 0", "[1, 128]", "[2, 128]", "send"),
    ),
    Call(
        "patch-kind", _send("embed", np.array), OptionError, ("stage embed", "numpy.ndarray", "mlx.core.array", "send")
    ),
    Call(
        "patch-part", _send("decay", lambda x: x.decay), OptionError, ("decay of layer 0", "DecayBeta(", "send a value")
    ),
    Call(
        "patch-fewer-experts",
        _send("router", lambda x: x._replace(expert_ids=x.expert_ids[:, :2])),
        OptionError,
        ("router of layer 0", "[2, 2]", "[2, 4]", "send a value"),
    ),
    Call(
        "patch-unknown-expert",
        _send("router", lambda x: x._replace(expert_ids=x.expert_ids + 16)),
        OptionError,
        ("router of layer 0", "expert_ids", "0 to 15", "choose others"),
    ),
    Call("patch-read", _send("expert_read", lambda reads: reads), OptionError, ("expert_read", "patch ROUTER")),
    Call("send-before-first", lambda s: s.steps([1]).send(1), OptionError, ("before the first event", "call next()")),
]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_session_refuses_and_stays_usable(call: Call, engine: fm.Engine) -> None:
    session = engine.session()
    session.feed([7, 8, 9])
    expected = np.array(session.fork().feed([10]))
    _says(_refused(call.error, lambda: call.call(session)), call.says)
    assert session.position == 3
    np.testing.assert_array_equal(np.array(session.feed([10])), expected)


def test_context_beyond_the_model_is_refused(folder: Path) -> None:
    text_fields(max_position_embeddings=20)(folder)
    with fm.open(folder) as engine:
        session = engine.session()
        session.feed([1] * 20)
        error = _refused(ContextError, lambda: session.feed([1]))
        _says(error, ("1 tokens from position 20", "end at 21", "limit is 20", "max_position_embeddings", "feed fewer"))
        fresh = engine.session()
        for call in (_feed([1] * 21), _steps([1] * 21), _steps([1] * 21, prefill=True), _generate([1] * 21)):
            _says(_refused(ContextError, partial(call, fresh)), ("21 tokens from position 0", "limit is 20"))
            assert fresh.position == 0
        got: list[fm.Token] = []
        _refused(ContextError, lambda: got.extend(fresh.generate([1] * 18, max_tokens=9)))
        assert (len(got), fresh.position) == (3, 20)


def test_context_beyond_the_budget_is_refused(folder: Path) -> None:
    with fm.open(folder) as engine:
        memory = engine.memory
    budget = memory.fixed_bytes + 300 * memory.kv_bytes_per_token
    with fm.open(folder, memory_budget=budget) as engine:
        assert engine.max_context == 256
        session = engine.session()
        session.feed([1] * 256)
        error = _refused(ContextError, lambda: session.feed([1]))
        _says(error, ("position 256", "limit is 256", f"memory_budget={budget:,}", "session.reset()"))


def test_budget_leaves_room_for_a_context_shorter_than_a_cache_step(folder: Path) -> None:
    """The cache grows by 256 positions even if the model has 64; a budget that was taken must give all 64."""
    text_fields(max_position_embeddings=64)(folder)
    with fm.open(folder) as engine:
        memory = engine.memory
    with fm.open(folder, memory_budget=memory.fixed_bytes + 256 * memory.kv_bytes_per_token) as engine:
        assert engine.max_context == 64
    budget = memory.fixed_bytes + 64 * memory.kv_bytes_per_token
    _refused(BudgetError, lambda: fm.open(folder, memory_budget=budget))


# -- damage met while decoding -----------------------------------------------------------------------------------------
def _nan_row(token: int) -> Callable[[Path], None]:
    return replaced("embed_tokens.scales", lambda raw: raw.with_nan(token * raw.shape[-1]))


@pytest.mark.parametrize(
    "suffix",
    ["0.input_layernorm.weight", "1.linear_attn.A_log", "mlp.gate.scales", "model.norm.weight", "lm_head.biases"],
)
@pytest.mark.parametrize("how", [_feed([1]), _feed([1, 2, 3]), _steps([1]), _generate([1, 2])])
def test_nan_in_resident_weights_is_met(suffix: str, how: Callable[[Session], object], folder: Path) -> None:
    nan_in(suffix)(folder)
    with fm.open(folder) as engine:
        session = engine.session()
        error = _refused(NumericError, lambda: how(session))
        _says(error, ("not finite", "flashmoe verify"))
        assert session.position == 0


@pytest.mark.parametrize("how", [_feed([5]), _feed([5, 6, 7]), _steps([5]), _steps([6, 5], prefill=True)])
def test_nan_for_one_token_rolls_back_to_the_last_whole_one(
    how: Callable[[Session], object], folder: Path, tiny: Path
) -> None:
    """Only token 5 is damaged: whatever else is fed before and after gives what a good checkpoint gives."""
    _nan_row(5)(folder)
    with fm.open(folder) as engine, fm.open(tiny) as good:
        session, other = engine.session(), good.session()
        for one in (session, other):
            one.feed([7, 8, 9])
        error = _refused(NumericError, lambda: how(session))
        _says(error, ("not finite", "flashmoe verify"))
        assert session.position == 3
        for ids in ([10], [11, 12, 13], [14]):
            np.testing.assert_array_equal(np.array(session.feed(ids)), np.array(other.feed(ids)))


@pytest.mark.parametrize("prefill", [False, True], ids=["decode", "prefill"])
@pytest.mark.parametrize("stepped", [False, True], ids=["feed", "steps"])
def test_nan_in_expert_scales_is_met(folder: Path, tiny: Path, prefill: bool, stepped: bool) -> None:
    """One expert of layer 0 is damaged; tokens that do not choose it go on as if nothing were wrong."""
    chosen = _choices(tiny)
    broken = next(e for e in range(16) if 2 <= sum(e in experts for experts in chosen.values()) <= 200)
    bad = next(token for token, experts in chosen.items() if broken in experts)
    good = [token for token, experts in chosen.items() if broken not in experts][:4]

    def edit(tensors: Tensors) -> None:
        key = key_ending(tensors, "0.mlp.switch_mlp.down_proj.scales")
        tensors[key] = tensors[key].with_nan(broken * int(np.prod(tensors[key].shape[1:])))

    edit_tensors(folder, edit)
    ids = [bad] * 3 if prefill else [bad]
    with fm.open(folder) as engine, fm.open(tiny) as whole:
        session, other = engine.session(), whole.session()
        call = _steps(ids, prefill=prefill) if stepped else _feed(ids)
        error = _refused(NumericError, lambda: call(session))
        _says(error, ("not finite", "flashmoe verify", *(("layer 0",) if stepped else ())))
        assert session.position == 0
        for token in good[:1]:
            np.testing.assert_array_equal(np.array(session.feed([token])), np.array(other.feed([token])))


def _choices(folder: Path) -> dict[int, set[int]]:
    """Experts of layer 0 that each token chooses at position 0."""
    chosen = {}
    with fm.open(folder) as engine:
        for token in range(0, 256, 8):
            with engine.session().steps([token]) as steps:
                event = next(event for event in steps if event.stage == "router")
                chosen[token] = {int(e) for e in np.array(event.value.expert_ids)[0]}
    return chosen


@pytest.mark.parametrize("how", [_feed([1]), _feed([1, 2, 3]), _steps([1]), _generate([1, 2])])
@pytest.mark.parametrize("change", ["grown", "cut", "written"])
def test_file_changed_while_open_is_met(folder: Path, how: Callable[[Session], object], change: str) -> None:
    with fm.open(folder) as engine:
        session = engine.session()
        shard = shard_of(folder)
        size, stamp = shard.stat().st_size, shard.stat().st_mtime_ns
        if change == "written":
            os.utime(shard, ns=(stamp, stamp + 5_000_000_000))
        else:
            os.truncate(shard, size + (10 if change == "grown" else -10))
        error = _refused(ReadError, lambda: how(session))
        _says(error, ("model.safetensors changed while open", "close the engine and open the model again"))
        if change != "written":
            _says(error, (f"{size:,}", f"{shard.stat().st_size:,}"))
        assert session.position == 0


def test_text_without_a_tokenizer_is_refused(folder: Path) -> None:
    unlinked("tokenizer.json")(folder)
    with fm.open(folder) as engine:
        session = engine.session()
        _says(_refused(CheckpointError, lambda: session.generate("a")), ("no tokenizer.json", "give ids"))
        _says(
            _refused(OptionError, lambda: session.generate([1], stop="a")),
            ("stop is 'a'", "no tokenizer.json", "leave stop out"),
        )
        assert [token.text for token in session.generate([1], max_tokens=2)] == ["", ""]


def test_messages_without_a_chat_template_are_refused(folder: Path) -> None:
    unlinked("chat_template.jinja")(folder)
    with fm.open(folder) as engine:
        session = engine.session()
        error = _refused(FlashMoeError, lambda: session.generate([{"role": "user", "content": "a"}]))
        assert "template" in str(error)
        assert len(list(session.generate("a", max_tokens=2))) == 2


def test_closed_engine_is_refused(folder: Path) -> None:
    engine = fm.open(folder)
    session = engine.session()
    session.feed([1])
    steps = session.steps([2])
    next(steps)
    engine.close()
    engine.close()
    for call in (
        engine.session,
        session.fork,
        session.reset,
        partial(session.feed, [1]),
        partial(_steps([1]), session),
        partial(_generate([1]), session),
        partial(next, steps),
        engine.evict,
    ):
        _says(_refused(ClosedError, call), ("closed", "open the model again"))
    steps.close()
    assert "closed" in repr(session)
    assert "closed" in engine._repr_html_()


def test_busy_session_is_refused_by_layer_and_stage(engine: fm.Engine) -> None:
    session = engine.session()
    steps = session.steps([1])
    for event in steps:
        if event.stage == "router":
            break
    for call in (partial(_feed([1]), session), partial(_steps([1]), session), session.fork, session.reset):
        _says(_refused(SessionBusyError, call), ("layer 0", "stage router", "close()"))
    steps.close()
    session.feed([1])


def test_observer_cannot_use_the_session_it_watches(engine: fm.Engine) -> None:
    session = engine.session()
    with session.observe(lambda _: session.fork()):
        _says(_refused(SessionBusyError, partial(session.feed, [1, 2])), ("suspended",))
    assert session.position == 0
    session.feed([1, 2])


def test_options_that_hold_are_no_error(engine: fm.Engine) -> None:
    """Negative control of the calls: numpy and MLX integers, one-shot iterators, extreme but lawful sampling."""
    import mlx.core as mx

    session = engine.session()
    expected = np.array(session.fork().feed([1, 2]))
    sequences: tuple[Any, ...] = (np.array([1, 2]), mx.array([0, 1]) + 1, iter([1, 2]), (np.uint8(1), 2))
    for ids in sequences:
        np.testing.assert_array_equal(np.array(session.fork().feed(ids)), expected)
    extremes: tuple[dict[str, Any], ...] = (
        {"temperature": 1e-40},
        {"temperature": 1e9},
        {"temperature": 1, "top_p": 1e-9},
    )
    for options in extremes:
        assert len(list(session.fork().generate([1, 2], max_tokens=2, seed=0, **options))) == 2


def _refused(kind: type[FlashMoeError], call: Callable[[], object]) -> FlashMoeError:
    with pytest.raises(FlashMoeError) as caught:
        call()
    assert isinstance(caught.value, kind), f"{type(caught.value).__name__}: {caught.value}"
    return caught.value


def _says(error: FlashMoeError, words: tuple[str, ...]) -> None:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 700
    for part in words:
        assert part in text, f"{part!r} is not in: {text}"


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would open the folder twice


def _bytes_asked_for() -> int:
    with open("/proc/self/io") as file:  # noqa: PTH123 - as above
        return int(next(line for line in file if line.startswith("rchar")).split()[1])
