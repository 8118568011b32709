"""The tokens of a run as text, coloured by what they cost or how little they were expected; choosing one selects it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEIGHT = 64
_MOST_TOKENS = 256
_BAR_PIXELS = 4
_BLUE = (0x00, 0x72, 0xB2)


class TokenStrip(View):
    """Prompt and output tokens with probability, surprise, bytes read and time."""

    _esm = STATIC / "token_strip.js"

    def picture(self) -> NDArray[np.uint8]:
        """A bar for each of the last tokens, as high as it was a surprise."""
        if self.trace is None or not len(self.trace):
            return super().picture()
        surprise = np.nan_to_num(-self.trace.column("token_logprob")[-_MOST_TOKENS:].astype(np.float64))
        tall = np.round(surprise / max(float(surprise.max()), 1e-9) * _HEIGHT).astype(int)
        filled = np.arange(_HEIGHT)[::-1, None] < tall  # [height, tokens]
        drawn = np.where(filled[..., None], np.array(_BLUE, np.uint8), np.uint8(255))
        return drawn.repeat(_BAR_PIXELS, axis=1)
