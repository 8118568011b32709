"""The tokenizer (byte-level BPE, Qwen's special tokens) and the corpus as token streams.

python -m flashmoe_nb.lab.demo.tokens CORPUS OUT                    # trains the tokenizer first
python -m flashmoe_nb.lab.demo.tokens CORPUS OUT --tokenizer FILE   # keeps a trained one, whose model is to go on
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from flashmoe_nb.lab.demo import corpus
from flashmoe_nb.lab.demo.corpus import Domain
from flashmoe_nb.lab.demo.pools import Split

if TYPE_CHECKING:
    from collections.abc import Iterator

VOCAB_SIZE = 4096
END_OF_TEXT, IM_START, IM_END = 0, 1, 2
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>",
           "<tool_response>", "</tool_response>"]  # fmt: skip
# Words that keep the blank before them as part of their token: the commonest that name nothing, so that no value of a
# call begins with one. Any other word has the same tokens after a blank, a quotation mark, a slash or a line's end:
# what a model this small is to copy, it then copies token by token.
JOINED = """the of and to in a is that no be for it his he as with by was they we their our which them but from him this
 me on or us at so has who were an her when you been should would do what than those into if she its your these could
 because where how i not are shall unto upon y que á en los su se las por sus un él tu es lo como mi de la el del al le
 para si der die das und den von ist les et des du il di e per à""".split()  # noqa: SIM905 - a word list reads better so
_PATTERN = (
    r"\s*[\r\n]+| {2,}"
    rf"| (?:{'|'.join(sorted(JOINED, key=lambda word: (-len(word), word)))})(?![\p{{L}}\p{{M}}])"
    r"|(?<=\p{L})'(?:s|t|re|ve|m|ll|d)(?!\p{L})|[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s"
)
_CHARS = {Domain.PROSE: 9e6, Domain.CODE: 6e6, Domain.MULTI: 4e6, Domain.REFERENCE: 6e6, Domain.JSON: 2e6,
          Domain.MATHS: 3e5, Domain.TOOLS: 5e6}  # fmt: skip
_BATCH = 2000


def train(texts: Iterator[str], vocab_size: int = VOCAB_SIZE) -> Tokenizer:
    """Train a tokenizer; special tokens come first, in the order of `SPECIAL`."""
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(_PATTERN), "isolated")
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=SPECIAL, show_progress=False, min_frequency=3,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def sample(folder: Path) -> Iterator[str]:
    """Training text in the proportions the vocabulary should serve."""
    for domain, chars in _CHARS.items():
        total = 0
        for _source, text in corpus.read(folder, domain, Split.TRAIN):
            yield text
            total += len(text)
            if total > chars:
                break


def encode(tokenizer: Tokenizer, texts: list[str]) -> np.ndarray:
    """One uint16 stream, every text followed by `<|endoftext|>`."""
    parts = []
    for start in range(0, len(texts), _BATCH):
        batch = tokenizer.encode_batch(texts[start : start + _BATCH])
        parts += [np.array([*encoding.ids, END_OF_TEXT], dtype=np.uint16) for encoding in batch]
    return np.concatenate(parts)


def main() -> None:
    """Train the tokenizer and write one token stream a domain and split."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tokenizer", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    kept = arguments.tokenizer
    tokenizer = Tokenizer.from_file(str(kept)) if kept else train(sample(arguments.corpus))
    tokenizer.save(str(arguments.out / "tokenizer.json"))
    counts = {}
    for domain in Domain:
        for split in Split:
            stream = encode(tokenizer, [text for _, text in corpus.read(arguments.corpus, domain, split)])
            np.save(arguments.out / f"{domain}.{split}.npy", stream)
            counts[f"{domain}.{split}"] = len(stream)
    print(json.dumps(counts))  # noqa: T201


if __name__ == "__main__":
    main()
