"""How affine-quantized weights lie in bytes, and how a vector of 32-bit lanes takes them apart.

MLX packs a row as one little-endian stream of bits. A *unit* is the smallest whole number of bytes that holds a whole
number of weights and fits a lane (two lanes at 5 bits): lane l of a vector takes unit l, and *field* j of a unit is its
j-th weight. A field is masked where it stands, never shifted: it counts 2**shift times its value, and the activation it
meets was divided by 2**shift before, which is exact. Knows no arrays and no compiler.
Source: mlx `mlx/backend/cpu/quantized.cpp` (`extract_bits`), checked against `mx.dequantize` in tests/ops/kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_LANES = 16
"""Lanes of a vector; the compiler cuts it where the machine's registers are narrower than 512 bits."""
_WORD_BITS = 32
_TOP = 1 << (_WORD_BITS - 1)


@dataclass(frozen=True, slots=True)
class Field:
    """Where one weight of a unit is."""

    word: int
    """Index into `Packing.words`."""
    shift: int
    from_top: bool
    """It reaches the top bit, the sign: it is shifted down and counts once."""

    @property
    def factor(self) -> float:
        """What an activation is multiplied by to meet this field."""
        return 1.0 if self.from_top else 2.0**-self.shift


@dataclass(frozen=True, slots=True)
class Packing:
    """One bit width."""

    bits: int
    unit_bytes: int
    words: tuple[tuple[int, ...], ...]
    """Bytes of the unit each lane word is made of, lowest first; padded with zeros."""
    fields: tuple[Field, ...]
    """In the order of the weights."""

    @property
    def unit_weights(self) -> int:
        """Weights in a unit."""
        return len(self.fields)


def packing(bits: int) -> Packing:
    """The units of a bit width: 2, 3, 4, 5, 6 or 8."""
    unit_bytes = {2: 4, 3: 3, 4: 4, 5: 5, 6: 3, 8: 4}[bits]
    unit_weights = 8 * unit_bytes // bits
    words = ((0, 1, 2), (2, 3, 4)) if bits == 5 else (tuple(range(unit_bytes)),)  # noqa: PLR2004 - the odd one
    return Packing(bits, unit_bytes, words, tuple(_field(bits, words, j * bits) for j in range(unit_weights)))


def lanes_for(bits: int, in_dim: int) -> int:
    """The widest vector that divides a row, so that no row has a rest."""
    units = in_dim // packing(bits).unit_weights
    lanes = MOST_LANES
    while units % lanes:
        lanes //= 2
    return lanes


def _field(bits: int, words: tuple[tuple[int, ...], ...], position: int) -> Field:
    for number, word in enumerate(words):
        shift = position - 8 * word[0]
        if 0 <= shift <= 8 * len(word) - bits:
            return Field(number, shift, (1 << (shift + bits - 1)) == _TOP)
    raise AssertionError((bits, words, position))
