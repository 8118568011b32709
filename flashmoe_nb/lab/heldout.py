"""Held-out text of every domain, as text, so that any model can read it: prose, code, JSON, sums, languages, tools.

Cut from the windows of the demo model's evaluation set; what they are made of stands in data/README.md.
"""

from __future__ import annotations

from functools import cache

from flashmoe_nb.engine.demo import demo_source
from flashmoe_nb.errors import OptionError
from flashmoe_nb.lab.demo.evalset import EvalSet, shipped
from flashmoe_nb.text import Tokenizer


def heldout_domains() -> tuple[str, ...]:
    """What `heldout_text` can give, sorted."""
    return tuple(sorted(_evalset().windows))


def heldout_text(domain: str, *, n_tokens: int = 256, window: int = 0) -> str:
    """Text of a domain the demo model was not trained on.

    Args:
        domain: one of `heldout_domains()`.
        n_tokens: of the demo model's; another tokenizer cuts the same text into fewer or more.
        window: which of the domain's pieces of text.

    Raises:
        OptionError: no such domain or window, or more tokens than a window has.
    """
    windows = _evalset().windows
    if domain not in windows:
        raise OptionError(f'there is no held-out text of "{domain}": give one of {", ".join(heldout_domains())}')
    count, length = windows[domain].shape
    if not 0 <= window < count:
        raise OptionError(f"window is {window}, {domain} has {count}: give 0 to {count - 1}")
    if not 0 < n_tokens <= length:
        raise OptionError(f"n_tokens is {n_tokens}, a window has {length:,}: give 1 to {length:,}")
    return Tokenizer.open(demo_source()).decode([int(token) for token in windows[domain][window][:n_tokens]])


@cache
def _evalset() -> EvalSet:
    return EvalSet.load(shipped())
