"""The demo model: whole, small, carried by the wheel, and the same model to mlx-lm as to us."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from flashmoe_nb.engine import demo as places
from flashmoe_nb.engine.engine import Engine

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the current weather for a city.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                },
                "required": ["city", "unit"],
            },
        },
    }
]
ASKED = [{"role": "user", "content": "What is the weather in Oslo in celsius?"}]
CALLED = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Oslo", "unit": "celsius"}}}
    ],
}
ANSWERED = {"role": "tool", "content": '{"temperature": 12, "condition": "rainy"}'}

PROMPTS = {
    "prose": "And the LORD said unto Moses, ",
    "code": "def read_file(path):\n",
    "chat": [{"role": "user", "content": "Who are you?"}],
    "tool": ASKED,
    "tool result": [*ASKED, CALLED, ANSWERED],
}


def listed(demo: Path) -> dict[str, str]:
    """SHA-256 by file name."""
    lines = (demo / places.CHECKSUMS).read_text("ascii").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def wrong_sums(demo: Path, sums: dict[str, str]) -> list[str]:
    return [name for name, digest in sums.items() if hashlib.sha256((demo / name).read_bytes()).hexdigest() != digest]


def test_every_file_but_the_card_has_its_checksum(demo: Path):
    sums = listed(demo)
    assert wrong_sums(demo, sums) == []
    assert {path.name for path in demo.iterdir()} - set(sums) == {places.CHECKSUMS, "MODEL_CARD.md"}


def test_a_damaged_file_is_found(demo: Path):
    assert wrong_sums(demo, {"config.json": listed(demo)["tokenizer.json"]}) == ["config.json"]


def test_the_demo_stays_small(demo: Path):
    sizes = [path.stat().st_size for path in demo.iterdir()]
    assert max(sizes) <= 15_000_000
    assert sum(sizes) <= 52_000_000


def test_the_template_is_the_one_it_was_trained_with(demo: Path):
    trained = Path(places.__file__).parents[1] / "lab" / "demo" / "chat_template.jinja"
    assert (demo / "chat_template.jinja").read_bytes() == trained.read_bytes()


def test_the_record_names_the_training_data(demo: Path):
    second = json.loads((demo / "training_record.json").read_bytes())
    first = json.loads((demo.parent / "training" / "record_first.json").read_bytes())
    assert (first["steps"], first["tokens"], first["recipe"]["seed"]) == (12_615, 826_736_640, 2026)
    assert (second["steps"], second["tokens"], second["recipe"]["seed"]) == (6_981, 457_506_816, 2027)
    assert second["continued_from"] == first["sha256"]["q4"]
    assert second["sha256"]["q4"] == {name: listed(demo)[name] for name in second["sha256"]["q4"]}
    assert first["tokens_sha256"] != second["tokens_sha256"]


def text(engine: Engine, name: str) -> str:
    tools = TOOLS if name.startswith("tool") else None
    tokens = engine.session().generate(PROMPTS[name], max_tokens=64, tools=tools)
    return "".join(token.text for token in tokens)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chat", "I am a tiny mixture-of-experts language model with 512 experts in every layer."),
        (
            "tool",
            '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Oslo", "unit": "celsius"}}\n</tool_call>',
        ),
        ("tool result", "It is rainy in Oslo with a temperature of 12 degrees celsius."),
    ],
)
def test_it_chats_and_calls_tools(engine: Engine, name: str, expected: str):
    assert text(engine, name) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PROMPTS))
def test_tokens_and_logits_equal_those_of_mlx_lm(engine: Engine, demo: Path, name: str):
    mx = pytest.importorskip("mlx.core")
    from mlx_lm.models.cache import make_prompt_cache
    from mlx_lm.utils import load_model

    model, _ = load_model(demo)
    model.set_dtype(mx.float32)
    cache, session = make_prompt_cache(model), engine.session()
    ids = engine.encode(PROMPTS[name], tools=TOOLS if name.startswith("tool") else None)
    ours, worst = np.array(session.feed(ids)), 0.0
    theirs = np.array(model(mx.array([ids]), cache=cache)[0, -1])
    for _ in range(64):
        worst = max(worst, float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)))
        chosen = int(theirs.argmax())
        assert int(ours.argmax()) == chosen
        ours = np.array(session.feed([chosen]))
        theirs = np.array(model(mx.array([[chosen]]), cache=cache)[0, -1])
    print(f"{name}: worst relative difference of logits {worst:.1e}")
    assert worst < 1e-5
