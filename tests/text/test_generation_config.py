import json
from pathlib import Path

import pytest

from flashmoe_nb.errors import CheckpointError
from flashmoe_nb.text import GenerationDefaults


def write(folder: Path, **files: object) -> Path:
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder


def test_stop_ids_are_joined_from_every_source(tmp_path: Path):
    write(
        tmp_path,
        generation_config={"eos_token_id": [5, 6]},
        config={"eos_token_id": 7, "text_config": {"eos_token_id": [8]}},
    )
    assert GenerationDefaults.open(tmp_path, tokenizer_eos_id=9).stop_ids == {5, 6, 7, 8, 9}


def test_absent_files_and_nulls_mean_nothing_is_said(tmp_path: Path):
    assert GenerationDefaults.open(tmp_path) == GenerationDefaults(stop_ids=frozenset())
    write(tmp_path, generation_config={"eos_token_id": None, "temperature": None}, config={"text_config": None})
    assert GenerationDefaults.open(tmp_path) == GenerationDefaults(stop_ids=frozenset())


def test_sampling_values_are_read(tmp_path: Path):
    values = {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0, "do_sample": True}
    assert GenerationDefaults.open(write(tmp_path, generation_config=values)) == GenerationDefaults(
        stop_ids=frozenset(), do_sample=True, temperature=0.6, top_p=0.95, top_k_sampling=20, min_p=0.0
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("eos_token_id", "<|im_end|>"),
        ("eos_token_id", [1, True]),
        ("eos_token_id", -1),
        ("temperature", "hot"),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("top_p", 1.5),
        ("top_k", 2.5),
        ("top_k", True),
        ("do_sample", "yes"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(tmp_path: Path, key: str, value: object):
    write(tmp_path, generation_config={key: value})
    with pytest.raises(CheckpointError, match=f'"{key}" is '):
        GenerationDefaults.open(tmp_path)


@pytest.mark.parametrize(("content", "said"), [("{", "is not JSON"), ("[]", "holds a list")])
def test_a_broken_file_is_refused(tmp_path: Path, content: str, said: str):
    (tmp_path / "generation_config.json").write_text(content)
    with pytest.raises(CheckpointError, match=said):
        GenerationDefaults.open(tmp_path)
