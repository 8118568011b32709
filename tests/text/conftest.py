"""A small byte-level BPE tokenizer with the awkward tokens real ones have."""

import json
from pathlib import Path

import pytest
import tokenizers
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers

from flashmoe_nb.text import Tokenizer

TEXT = (
    "The engine reads experts from disk, and the experts read nothing at all. 12 34 56\n"
    "Grüße aus Köln, où l'été où Ω ≠ ∞, 日本語 日本 한국어 🙂🙃🙂 🇫🇷 naïve café naïve café\n"
) * 20


def build_backend() -> tokenizers.Tokenizer:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([TEXT], trainer)
    # Not special; and two with characters that are no byte symbols, or stand for bytes that are no UTF-8.
    backend.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("<a b>"), AddedToken("é→")])
    backend.add_special_tokens([AddedToken("<|pause ✋|>", special=True)])
    return backend


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    build_backend().save(str(folder / "tokenizer.json"))
    config = {"eos_token": "<|im_end|>", "pad_token": {"content": "<|endoftext|>", "special": True}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return Tokenizer.open(tokenizer_folder)


@pytest.fixture(scope="session")
def demo_tokenizer() -> Tokenizer:
    return Tokenizer.open(Path(__file__).parents[2] / "data" / "demo")
