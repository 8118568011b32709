"""The tokens of a run as text, coloured by what they cost or how little they were expected; choosing one selects it."""

from __future__ import annotations

from flashmoe_nb.widgets.view import STATIC, View


class TokenStrip(View):
    """Prompt and output tokens with probability, surprise, bytes read and time."""

    _esm = STATIC / "token_strip.js"
