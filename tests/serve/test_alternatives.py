"""Rows of log probabilities: none is lost when they are taken while one is being made."""

from typing import Any

from flashmoe_nb.engine import Token
from flashmoe_nb.serve.alternatives import Alternatives


class Interrupting:
    """A tokenizer during whose work the other thread takes what there is."""

    alternatives: Alternatives

    def token_bytes(self, _token_id: int) -> bytes:
        assert self.alternatives.take() == []
        return b"x"


def test_a_row_made_while_others_are_taken_is_kept():
    tokenizer: Any = Interrupting()
    tokenizer.alternatives = alternatives = Alternatives(tokenizer, 0)
    alternatives.add(Token(id=1, text="x", logprob=-0.5, position=0, duration_ns=0, bytes_read=0, n_reads=0))
    assert [row["token"] for row in alternatives.take()] == ["x"]
    assert alternatives.take() == []
