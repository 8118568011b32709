"""The corpus: readers on small inputs, deduplication, split and hash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flashmoe_nb.lab.demo import corpus, readers, tokens
from flashmoe_nb.lab.demo.corpus import WRITTEN, Document, Domain
from flashmoe_nb.lab.demo.packages import PACKAGES, Package, Registry, fetch
from flashmoe_nb.lab.demo.pools import Pools, Split

if TYPE_CHECKING:
    from pathlib import Path


def test_chunks_never_cut_a_paragraph() -> None:
    paragraphs = [f"{i} " + "x" * 300 for i in range(20)]
    found = readers.chunks(paragraphs, 1000)
    assert "\n\n".join(found).split("\n\n") == paragraphs
    assert all(len(text) <= 1000 for text in found)


def test_repeated_paragraph_is_kept_once() -> None:
    seen: set[bytes] = set()
    long = "The same paragraph stands here and in another document, with other spacing and capitals."
    assert corpus.without_repeats(f"{long}\n\nshort", seen) == f"{long}\n\nshort"
    assert corpus.without_repeats(f"{long.upper()}\n\nshort", seen) == "short"


def test_repeated_sentence_is_kept_once_within_a_paragraph() -> None:
    seen: set[bytes] = set()
    first = "He that believeth shall not make haste. This is the first of the two notes; the second follows it."
    assert corpus.without_repeated_sentences(first, seen) == first
    again = "This is the first of the two notes; a third sentence stands only here, in this paragraph. So be it."
    assert corpus.without_repeated_sentences(again, seen) == again.removeprefix("This is the first of the two notes; ")


def test_a_word_has_the_same_tokens_wherever_it_begins(pools: dict[Split, Pools]) -> None:
    documents = [d for written in WRITTEN for d in corpus.write_source(written, pools, 3e-4)]
    tokenizer = tokens.train(iter([d.text for d in documents]), 600)
    for word in (*pools[Split.HELDOUT].words, *pools[Split.HELDOUT].names):
        own = tokenizer.encode(word, add_special_tokens=False).tokens
        for before in (" ", '"', "/", "\n", "(", "a_", ": "):
            assert tokenizer.encode(f"{before}{word}").tokens[-len(own) :] == own
    # The control: the commonest words are one token with their blank.
    assert tokenizer.encode("one the").tokens[-1] == "Ġthe"


def test_no_value_of_a_call_keeps_its_blank(pools: dict[Split, Pools]) -> None:
    for split in Split:
        values = {entry.lower() for entry in (*pools[split].everyday, *pools[split].cities)}
        assert not values & set(tokens.JOINED)


def test_generated_sources_differ_by_split_and_repeat_by_seed(pools: dict[Split, Pools]) -> None:
    for written in WRITTEN:
        first = corpus.write_source(written, pools, 2e-4)
        assert first == corpus.write_source(written, pools, 2e-4)
        texts = {split: {d.text for d in first if d.split is split} for split in Split}
        assert texts[Split.TRAIN]
        assert not texts[Split.TRAIN] & texts[Split.HELDOUT]


def test_manifest_hash_follows_every_character() -> None:
    documents = [Document(Domain.PROSE, "a", Split.TRAIN, "one"), Document(Domain.CODE, "b", Split.HELDOUT, "two")]
    changed = [documents[0], Document(Domain.CODE, "b", Split.HELDOUT, "twO")]
    assert corpus.manifest(documents) == corpus.manifest(list(documents))
    assert corpus.manifest(documents)["corpus_sha256"] != corpus.manifest(changed)["corpus_sha256"]


def test_written_corpus_reads_back_and_encodes(tmp_path: Path, pools: dict[Split, Pools]) -> None:
    documents = [d for written in WRITTEN for d in corpus.write_source(written, pools, 3e-4)]
    corpus.write(documents, tmp_path)
    rows = corpus.read(tmp_path, Domain.TOOLS, Split.TRAIN)
    assert rows == [(d.source, d.text) for d in documents if (d.domain, d.split) == (Domain.TOOLS, Split.TRAIN)]
    tokenizer = tokens.train(iter([text for _, text in rows]), 400)
    assert [tokenizer.token_to_id(token) for token in tokens.SPECIAL] == list(range(len(tokens.SPECIAL)))
    text = rows[0][1] + " żółć 漢字"
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text
    stream = tokens.encode(tokenizer, ["a", "b"])
    assert list(stream[[1, 3]]) == [tokens.END_OF_TEXT, tokens.END_OF_TEXT]


def test_python_reader_drops_headers_and_long_lines(tmp_path: Path) -> None:
    body = '"""Doc."""\n' + "x = 1\n" * 120
    (tmp_path / "good.py").write_text("# Copyright\n# Licence\n" + body)
    (tmp_path / "wide.py").write_text(body + "y = '" + "z" * 400 + "'\n")
    (tmp_path / "short.py").write_text("x = 1\n")
    assert readers.python_files(tmp_path) == [body]


def test_po_reader_joins_lines_and_skips_empty(tmp_path: Path) -> None:
    path = tmp_path / "django.po"
    path.write_text('msgid "a"\nmsgstr ""\n\nmsgid "b"\nmsgstr ""\n"Grüß "\n"dich\\n"\n\nmsgid "c"\nmsgstr[0] "eins"\n')
    assert readers.po_messages(path) == ["Grüß dich\n", "eins"]


def test_factbook_lines_name_their_section() -> None:
    profile = json.loads('{"Geography": {"Area": {"total": {"text": "1 <b>sq</b> km"}}}}')
    assert list(readers.factbook_lines(profile)) == ["Area: total: 1 sq km"]


def test_every_package_is_pinned_with_a_licence() -> None:
    assert len({package.name for package in PACKAGES}) == len(PACKAGES)
    assert all(package.version and package.licence for package in PACKAGES)
    free = ("public domain", "BSD", "CC0", "Apache", "MIT", "PSF", "WordNet")
    assert all(package.licence.startswith(free) for package in PACKAGES)


def test_fetched_package_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "@a+b").mkdir()
    monkeypatch.setattr("subprocess.run", lambda *_args, **_kwargs: pytest.fail("nothing is to be fetched"))
    assert fetch(Package(Registry.NPM, "@a/b", "1", "MIT"), tmp_path) == tmp_path / "@a+b"
