"""Assemble the released folder from a trained 4-bit checkpoint: tokenizer, template, configs, record, checksums.

python -m flashmoe_nb.lab.demo.release RUN/q4 TOKENS/tokenizer.json OUT
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from importlib.resources import files
from pathlib import Path

from flashmoe_nb.lab.demo.shape import Shape
from flashmoe_nb.lab.demo.tokens import END_OF_TEXT, IM_END

CHECKSUMS = "SHA256SUMS"
CARD = "MODEL_CARD.md"
_MARKUP = frozenset({"<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"})


def readable_tokenizer(text: str) -> str:
    """Thought and tool tags as ordinary added tokens, as Qwen has them: marked special they would vanish from text."""
    tokenizer = json.loads(text)
    for token in tokenizer["added_tokens"]:
        token["special"] = token["special"] and token["content"] not in _MARKUP
    return json.dumps(tokenizer, ensure_ascii=False) + "\n"


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", "utf8")


def assemble(quantised: Path, tokenizer: Path, out: Path) -> None:
    """Copy and write every file of the release but the model card, then the checksums of all."""
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(quantised.iterdir()):
        shutil.copyfile(path, out / path.name)
    (out / "tokenizer.json").write_text(readable_tokenizer(tokenizer.read_text("utf8")), "utf8")
    template = files("flashmoe_nb.lab.demo").joinpath("chat_template.jinja").read_text("utf8")
    (out / "chat_template.jinja").write_text(template, "utf8")
    _write(out / "generation_config.json", {"eos_token_id": [IM_END, END_OF_TEXT], "pad_token_id": END_OF_TEXT})
    _write(out / "tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
        "model_max_length": Shape().max_position_embeddings, "clean_up_tokenization_spaces": False,
    })  # fmt: skip
    checksums(out)


def checksums(folder: Path) -> None:
    """Write `SHA256SUMS` over every other file but the card, in the format of `sha256sum --check`."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name not in (CHECKSUMS, CARD))
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / CHECKSUMS).write_text("".join(lines), "utf8")


def main() -> None:
    """Assemble a release."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    for name in ("quantised", "tokenizer", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    assemble(given.quantised, given.tokenizer, given.out)


if __name__ == "__main__":
    main()
