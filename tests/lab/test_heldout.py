"""Held-out text: there for every domain, the same each time, and refused where there is none."""

import pytest

from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.heldout import heldout_domains, heldout_text


def test_every_domain_has_text_of_its_own():
    texts = {domain: heldout_text(domain, n_tokens=128) for domain in heldout_domains()}
    assert {"prose", "code", "json", "maths"} <= set(texts)
    assert len(set(texts.values())) == len(texts)
    assert all(len(text) > 128 for text in texts.values())  # a token is more than a letter
    assert not any("\N{REPLACEMENT CHARACTER}" in text[:-4] for text in texts.values())


def test_text_is_cut_and_repeatable():
    assert heldout_text("prose", n_tokens=64).startswith(heldout_text("prose", n_tokens=16)[:-4])
    assert heldout_text("prose", window=0) != heldout_text("prose", window=1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"domain": "opera"}, 'no held-out text of "opera"'),
        ({"domain": "prose", "window": 999}, "window is 999"),
        ({"domain": "prose", "n_tokens": 0}, "n_tokens is 0"),
    ],
)
def test_what_is_not_there_is_refused(wrong: dict, says: str):
    with pytest.raises(OptionError, match=says):
        heldout_text(**wrong)
