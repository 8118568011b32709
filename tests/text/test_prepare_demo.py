"""The script that makes data/demo, on a stand-in for the prototype."""

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from flashmoe_nb.errors import PackError
from flashmoe_nb.text import ChatTemplate, GenerationDefaults, Tokenizer

SCRIPT = Path(__file__).parents[2] / "data" / "prepare_demo.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prepare_demo", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def prototype(tmp_path: Path, tokenizer_folder: Path) -> Path:
    folder = tmp_path / "prototype"
    shutil.copytree(tokenizer_folder, folder)
    tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
    for token in tokenizer["added_tokens"]:
        token["special"] = token["special"] or token["content"] == "<tool_call>"
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "model-1.safetensors").write_bytes(b"weights")
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"norm.weight": "model-1.safetensors"}}')
    (folder / "config.json").write_text("{}")
    return folder


def test_the_prototype_is_copied_and_completed(script: ModuleType, prototype: Path, tmp_path: Path):
    target = tmp_path / "data" / "demo"
    assert "the trained prototype" in script.prepare(prototype, target)
    assert (target / "model-1.safetensors").read_bytes() == b"weights"
    assert ChatTemplate.open(target).render([{"role": "user", "content": "Hi"}]).endswith("</think>\n\n")
    assert GenerationDefaults.open(target).stop_ids == {0, 2}
    before, after = Tokenizer.open(prototype), Tokenizer.open(target)
    text = "<|im_start|>a<tool_call>b"
    assert after.encode(text) == before.encode(text)
    assert after.decode(after.encode(text), skip_special_tokens=True) == "a<tool_call>b"
    assert before.decode(before.encode(text), skip_special_tokens=True) == "ab"
    assert [path.name for path in target.parent.iterdir()] == ["demo"]


def test_a_second_run_changes_nothing_until_something_is_missing(script: ModuleType, prototype: Path, tmp_path: Path):
    target = tmp_path / "demo"
    script.prepare(prototype, target)
    inode = target.stat().st_ino
    assert script.prepare(prototype, target) == "demo: ready (trained prototype)"
    assert target.stat().st_ino == inode
    for damage in (
        lambda: (target / "model-1.safetensors").write_bytes(b"wei"),
        (target / "made_by.json").unlink,
        lambda: (target / "chat_template.jinja").write_text("old"),
        lambda: (prototype / "model-1.safetensors").write_bytes(b"more weights"),
    ):
        damage()
        assert "the trained prototype" in script.prepare(prototype, target)
        assert "ready" in script.prepare(prototype, target)


def test_an_incomplete_prototype_leaves_what_was_there(script: ModuleType, prototype: Path, tmp_path: Path):
    target = tmp_path / "demo"
    script.prepare(prototype, target)
    (prototype / "model-1.safetensors").unlink()
    with pytest.raises(PackError, match=r"has no model-1\.safetensors, which its index names"):
        script.prepare(prototype, target)
    assert (target / "model-1.safetensors").read_bytes() == b"weights"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "prototype"]


def test_without_a_prototype_random_weights_stand_in(script: ModuleType, prototype: Path, tmp_path: Path):
    target, nowhere = tmp_path / "demo", tmp_path / "nowhere"
    assert "RANDOM weights" in script.prepare(nowhere, target)
    assert script.prepare(nowhere, target) == "demo: ready (random weights)"
    stop_ids = GenerationDefaults.open(target).stop_ids
    assert Tokenizer.open(target).eos_id in stop_ids
    assert "the trained prototype" in script.prepare(prototype, target)
    assert script.prepare(nowhere, target) == "demo: ready (trained prototype)"
