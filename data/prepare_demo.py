"""Make data/demo, the model that opens when no path is given; `make setup` runs this, and again it has nothing to do.

The trained prototype is copied from `--source` where that exists; elsewhere a small model with random weights stands
in, and that is said. The folder is whole or absent: it is built beside its place and renamed; made_by.json records it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from flashmoe_nb.errors import FlashMoeError, PackError
from flashmoe_nb.storage.synth import synthesize

HERE = Path(__file__).resolve().parent
PROTOTYPE = HERE.parent.parent / "shared" / "demo-prototype" / "q4"
TEMPLATE = HERE / "demo_chat_template.jinja"
RECORD = "made_by.json"

TRAINED = "trained prototype"
RANDOM = "random weights"

STOP_IDS = [2, 0]
"""<|im_end|> and <|endoftext|> of the prototype."""
MARKUP = ("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")


def prepare(source: Path, target: Path) -> str:
    """Make `target` unless it is already what it would become.

    Returns:
        One line for the person at the terminal.
    """
    origin = TRAINED if source.is_dir() else RANDOM
    if is_ready(target, origin, source):
        return f"{target.name}: ready ({json.loads((target / RECORD).read_bytes())['origin']})"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        built = Path(scratch) / "new"
        if origin == TRAINED:
            copy_prototype(source, built)
        else:
            synthesize("tiny", built)
        shutil.copyfile(TEMPLATE, built / "chat_template.jinja")
        sizes = {path.name: path.stat().st_size for path in sorted(built.iterdir())}
        write_json(built / RECORD, {"origin": origin, "source_sizes_bytes": source_sizes(source), "sizes_bytes": sizes})
        if target.exists():
            target.rename(Path(scratch) / "old")
        built.rename(target)
    total_bytes = sum(sizes.values())
    if origin == TRAINED:
        return f"{target.name}: the trained prototype, {total_bytes / 1e6:.1f} MB"
    return (
        f"{target.name}: the trained demo model is not here ({source} does not exist), so this is a model with RANDOM "
        f"weights, {total_bytes / 1e6:.1f} MB: everything runs, what it writes is noise"
    )


def is_ready(target: Path, origin: str, source: Path) -> bool:
    """Whether `target` is whole and up to date; a trained model stays when its source is gone."""
    try:
        record = json.loads((target / RECORD).read_bytes())
        whole = all((target / name).stat().st_size == size for name, size in record["sizes_bytes"].items())
        current = (target / "chat_template.jinja").read_bytes() == TEMPLATE.read_bytes()
        same_source = record["source_sizes_bytes"] == source_sizes(source)
        trained = record["origin"] == TRAINED
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False  # whatever is there, this script did not finish it
    return whole and current and (same_source if origin == TRAINED else trained or same_source)


def source_sizes(source: Path) -> dict[str, int]:
    """Bytes of each file of the prototype; empty where there is none."""
    return {path.name: path.stat().st_size for path in sorted(source.glob("*")) if path.is_file()}


def copy_prototype(source: Path, built: Path) -> None:
    """Copy the prototype and add what it was stored without.

    Raises:
        PackError: a shard the index names is missing, or a copy is short.
    """
    built.mkdir()
    sizes = source_sizes(source)
    index = json.loads((source / "model.safetensors.index.json").read_bytes())
    missing = sorted(set(index["weight_map"].values()) - set(sizes))
    if missing:
        raise PackError(f"{source} has no {', '.join(missing)}, which its index names: copy the prototype again")
    for name, nbytes in sizes.items():
        copied_bytes = Path(shutil.copyfile(source / name, built / name)).stat().st_size
        if copied_bytes != nbytes:
            raise PackError(f"{name} is {nbytes:,} bytes, its copy {copied_bytes:,}: is the disk full? Run again")
    unmark_markup(built / "tokenizer.json")
    write_json(built / "generation_config.json", {"eos_token_id": STOP_IDS, "pad_token_id": 0})


def unmark_markup(path: Path) -> None:
    """Make the thinking and tool tags ordinary added tokens, as Qwen's tokenizers have them.

    Marked special, as trained, they would vanish from shown text, and tool calls with them. Encoding is the same.
    """
    tokenizer = json.loads(path.read_bytes())
    for token in tokenizer["added_tokens"]:
        token["special"] = token["special"] and token["content"] not in MARKUP
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


def write_json(path: Path, value: object) -> None:
    """Indented JSON with a final newline."""
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Make the demo model (see data/README.md).")
    parser.add_argument("--source", type=Path, default=PROTOTYPE, help="folder of the trained prototype")
    parser.add_argument("--target", type=Path, default=HERE / "demo", help="folder to make")
    arguments = parser.parse_args()
    try:
        print(prepare(arguments.source, arguments.target))
    except FlashMoeError as error:
        print(f"prepare_demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
