import json
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models

from flashmoe_nb.errors import CheckpointError, PromptError, UnsupportedError
from flashmoe_nb.text import Tokenizer


@given(text=st.text())
def test_encode_then_decode_gives_the_text(tokenizer: Tokenizer, text: str):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_encode_recognises_special_tokens_in_text(tokenizer: Tokenizer):
    ids = tokenizer.encode("<|im_start|>user<|im_end|>")
    assert (ids[0], ids[-1]) == (1, 2)
    assert tokenizer.decode(ids, skip_special_tokens=True) == "user"
    assert tokenizer.token_id("<|im_start|>") == 1
    assert tokenizer.token_id("<|no such|>") is None


def test_ids_and_sizes_are_the_files(tokenizer: Tokenizer):
    pause = tokenizer.token_id("<|pause ✋|>")
    assert tokenizer.special_ids == {0, 1, 2, pause}
    assert tokenizer.vocab_size == 320 + 4
    assert (tokenizer.eos_id, tokenizer.pad_id) == (2, 0)
    assert "324 tokens, 4 special, eos 2" in repr(tokenizer)


def test_token_bytes_show_half_a_character(tokenizer: Tokenizer):
    ids = tokenizer.encode("🫠")  # not in the training text, so it is single bytes
    assert len(ids) > 1
    assert b"".join(tokenizer.token_bytes(i) for i in ids) == "🫠".encode()
    assert tokenizer.token_bytes(tokenizer.vocab_size + 7) == b""


def test_every_token_alone_decodes_to_its_bytes(tokenizer: Tokenizer):
    for token_id in range(tokenizer.vocab_size):
        assert tokenizer.decode([token_id]) == tokenizer.token_bytes(token_id).decode(errors="replace")


def test_encode_equals_transformers(tokenizer: Tokenizer, tokenizer_folder: Path):
    transformers = pytest.importorskip("transformers")
    oracle = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_folder / "tokenizer.json"))
    for text in ("", " ", "<|im_start|>user\nCafé 🙂 <tool_call>x<a b><|im_end|>", "é→ <|im_start", "\r\n\t  a  b"):
        assert tokenizer.encode(text) == oracle(text, add_special_tokens=False)["input_ids"]


def test_truncation_and_padding_of_the_file_are_off(tmp_path: Path, tokenizer_folder: Path):
    backend = tokenizers.Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    backend.enable_truncation(3)
    backend.enable_padding(length=8)
    backend.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.open(tmp_path)
    assert tokenizer.decode(tokenizer.encode("The engine reads experts")) == "The engine reads experts"


def test_encode_refuses_a_lone_surrogate(tokenizer: Tokenizer):
    with pytest.raises(PromptError, match=r"U\+D800.* at character 1"):
        tokenizer.encode("a\ud800")


@pytest.mark.parametrize("token_id", [-1, 2**32])
def test_decode_refuses_ids_out_of_range(tokenizer: Tokenizer, token_id: int):
    with pytest.raises(PromptError, match="out of range"):
        tokenizer.decode([token_id])
    with pytest.raises(PromptError, match="out of range"):
        tokenizer.token_bytes(token_id)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": "1.0"}', "\udcff"])
def test_open_refuses_a_broken_file(tmp_path: Path, content: str):
    (tmp_path / "tokenizer.json").write_text(content, errors="surrogateescape")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json .*copy it again"):
        Tokenizer.open(tmp_path)


def test_open_says_what_a_missing_file_is_for(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"does not exist: text needs .*raw token ids work without it"):
        Tokenizer.open(tmp_path)


def test_open_refuses_a_tokenizer_that_is_not_byte_level(tmp_path: Path):
    backend = tokenizers.Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))  # noqa: S106
    backend.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UnsupportedError, match="decoder None, supported is ByteLevel"):
        Tokenizer.open(tmp_path)
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    backend.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UnsupportedError, match="decoder Sequence"):
        Tokenizer.open(tmp_path)


def test_open_works_without_tokenizer_config(tmp_path: Path, tokenizer_folder: Path):
    (tmp_path / "tokenizer.json").write_bytes((tokenizer_folder / "tokenizer.json").read_bytes())
    tokenizer = Tokenizer.open(tmp_path)
    assert (tokenizer.eos_id, tokenizer.pad_id) == (None, None)


def test_open_refuses_an_eos_token_the_tokenizer_lacks(tmp_path: Path, tokenizer_folder: Path):
    (tmp_path / "tokenizer.json").write_bytes((tokenizer_folder / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
    with pytest.raises(CheckpointError, match='eos_token is "</s>"'):
        Tokenizer.open(tmp_path)
