"""The inner loop of every quantized product, written in LLVM's own language so that it is sure to be vectors.

A tile is R rows of a matrix times T prepared activation vectors. Per vector of units and row: every field masked and
converted once, one multiply-add for each activation, then once per vector the group's scale, and its bias times the sum
of the unit's activations. Everything is float32. Knows addresses, not arrays; numba compiles it for the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from flashmoe_nb.ops.kernels.packing import Packing, packing

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTE, _HALF, _WORD, _LONG = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64)
_FLOAT = ir.FloatType()
SCALE_KINDS = {"F32": 0, "BF16": 1, "F16": 2}
SCALE_BYTES = (4, 2, 2)


@dataclass(frozen=True, slots=True)
class Form:
    """What is fixed when a tile is compiled."""

    bits: int
    lanes: int
    group_size: int
    scale_kind: int

    @property
    def packing(self) -> Packing:
        """Of the bits."""
        return packing(self.bits)

    @property
    def vector_weights(self) -> int:
        """Weights of a row that one vector holds."""
        return self.lanes * self.packing.unit_weights

    @property
    def vector_floats(self) -> int:
        """Prepared activations for one vector: its fields, then the units' sums."""
        return self.lanes * (self.packing.unit_weights + 1)


class _Emitter:
    """Instructions for one form at the place the builder stands."""

    def __init__(self, builder: ir.IRBuilder, form: Form) -> None:
        self.builder, self.form = builder, form
        self.floats = ir.VectorType(_FLOAT, form.lanes)
        self.integers = ir.VectorType(_WORD, form.lanes)

    def load(self, address: ir.Value, kind: ir.Type, align: int = 1) -> ir.Value:
        pointer = self.builder.inttoptr(address, kind.as_pointer())
        return self.builder.load(pointer, align=align)

    def add(self, address: ir.Value, offset: int) -> ir.Value:
        return self.builder.add(address, _LONG(offset))

    def multiply_add(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        return _call(self.builder, f"llvm.fmuladd.v{self.form.lanes}f32", self.floats, (x, y, z))

    def prefetch(self, row: ir.Value, vector: ir.Value, ahead: ir.Value) -> None:
        """Ask for a vector's weights that lie `ahead` bytes further."""
        offset = self.builder.mul(vector, _LONG(self.form.lanes * self.form.packing.unit_bytes))
        address = self.builder.add(self.builder.add(row, offset), ahead)
        flags = [_WORD(0), _WORD(3), _WORD(1)]  # to read, into all caches, data
        _call(
            self.builder,
            "llvm.prefetch.p0",
            ir.VoidType(),
            (self.builder.inttoptr(address, _BYTE.as_pointer()), *flags),
        )

    def words(self, address: ir.Value) -> list[ir.Value]:
        """The lane words of the units at an address."""
        lanes, pack = self.form.lanes, self.form.packing
        if pack.unit_bytes == 4:  # noqa: PLR2004 - a unit is a lane
            return [self.load(address, self.integers)]
        kind = ir.VectorType(_BYTE, lanes * pack.unit_bytes)
        loaded, zero = self.load(address, kind), ir.Constant(kind, None)
        made = []
        for word in pack.words:
            places = [lane * pack.unit_bytes + byte for lane in range(lanes) for byte in word]
            rest = [kind.count] * (4 - len(word))
            mask = [p for lane in range(lanes) for p in (*places[lane * len(word) : (lane + 1) * len(word)], *rest)]
            made.append(self.builder.bitcast(self.builder.shuffle_vector(loaded, zero, _mask(mask)), self.integers))
        return made

    def field(self, words: Sequence[ir.Value], number: int) -> ir.Value:
        """One weight of each unit as floats, 2**shift times its value unless it comes from the top."""
        found, bits = self.form.packing.fields[number], self.form.bits
        if found.from_top:
            alone = self.builder.lshr(words[found.word], _splat(self.integers, found.shift))
        else:
            alone = self.builder.and_(words[found.word], _splat(self.integers, ((1 << bits) - 1) << found.shift))
        return self.builder.sitofp(alone, self.floats)

    def per_lane(self, address: ir.Value, vector: ir.Value) -> ir.Value:
        """Scales or biases of a row's vector number `vector`, one value a lane."""
        form = self.form
        group_units = form.group_size // form.packing.unit_weights
        count, item = max(1, form.lanes // group_units), SCALE_BYTES[form.scale_kind]
        first = self.builder.mul(vector, _LONG(count))
        if group_units > form.lanes:
            first = self.builder.udiv(vector, _LONG(group_units // form.lanes))
        at = self.builder.add(address, self.builder.mul(first, _LONG(item)))
        values = self._floats_at(at, count)
        mask = [lane * count // form.lanes for lane in range(form.lanes)]
        return self.builder.shuffle_vector(values, ir.Constant(values.type, ir.Undefined), _mask(mask))

    def _floats_at(self, address: ir.Value, count: int) -> ir.Value:
        floats = ir.VectorType(_FLOAT, count)
        if self.form.scale_kind == SCALE_KINDS["F32"]:
            return self.load(address, floats)
        if self.form.scale_kind == SCALE_KINDS["F16"]:
            return self.builder.fpext(self.load(address, ir.VectorType(ir.HalfType(), count)), floats)
        words = ir.VectorType(_WORD, count)
        raised = self.builder.zext(self.load(address, ir.VectorType(_HALF, count)), words)
        return self.builder.bitcast(self.builder.shl(raised, _splat(words, 16)), floats)


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def tile_dot(
    typing: Any,
    bits: Any,
    lanes: Any,
    group_size: Any,
    scale_kind: Any,
    n_rows: Any,
    n_tokens: Any,
    weight: Any,
    scales: Any,
    biases: Any,
    x: Any,
    y: Any,
    n_vectors: Any,
    weight_stride: Any,
    scale_stride: Any,
    x_stride: Any,
    y_stride: Any,
) -> Any:
    """y[t, r] = row r . activation t; addresses and strides in bytes.

    Args:
        y_stride: from one token to the next; rows follow each other.
    """
    form = Form(*(part.literal_value for part in (bits, lanes, group_size, scale_kind)))
    size = n_rows.literal_value, n_tokens.literal_value
    signature = types.void(bits, lanes, group_size, scale_kind, n_rows, n_tokens, *([types.int64] * 10))

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        _emit_tile(builder, form, size, args[6:])
        return None

    return signature, generate


def _emit_tile(builder: ir.IRBuilder, form: Form, size: tuple[int, int], args: Sequence[ir.Value]) -> None:
    weight, scales, biases, x, y, n_vectors, weight_stride, scale_stride, x_stride, y_stride = args
    n_rows, n_tokens = size
    emit = _Emitter(builder, form)
    zero = ir.Constant(emit.floats, None)
    totals = [[cgutils.alloca_once_value(builder, zero) for _ in range(n_tokens)] for _ in range(n_rows)]
    for total in (one for row in totals for one in row):
        builder.store(zero, total)  # alloca_once_value does so at the top of the function only
    row_at = [
        _offsets(builder, (weight, weight_stride), (scales, scale_stride), (biases, scale_stride), r)
        for r in range(n_rows)
    ]
    token_at = [builder.add(x, builder.mul(x_stride, _LONG(t))) for t in range(n_tokens)]
    with cgutils.for_range(builder, n_vectors, intp=_LONG) as loop:
        at = [builder.add(base, builder.mul(loop.index, _LONG(4 * form.vector_floats))) for base in token_at]
        _emit_vector(emit, row_at, loop.index, at, totals)
        for weights, *_ in row_at:
            emit.prefetch(weights, loop.index, builder.mul(weight_stride, _LONG(n_rows)))
    for row in range(n_rows):
        for token in range(n_tokens):
            total = builder.load(totals[row][token])
            place = builder.add(y, builder.add(builder.mul(y_stride, _LONG(token)), _LONG(4 * row)))
            builder.store(_sum(builder, total), builder.inttoptr(place, _FLOAT.as_pointer()), align=4)


def _emit_vector(
    emit: _Emitter,
    rows: Sequence[Sequence[ir.Value]],
    vector: ir.Value,
    activations: Sequence[ir.Value],
    totals: Sequence[Sequence[Any]],
) -> None:
    """One vector of each row into its totals; an activation is loaded once for all rows."""
    builder, form, lanes = emit.builder, emit.form, emit.form.lanes
    offset = builder.mul(vector, _LONG(lanes * form.packing.unit_bytes))
    words = [emit.words(builder.add(weight, offset)) for weight, *_ in rows]
    sums: dict[tuple[int, int], ir.Value] = {}
    for number in range(form.packing.unit_weights):
        values = [emit.field(of_row, number) for of_row in words]
        for token, base in enumerate(activations):
            met = emit.load(emit.add(base, 4 * lanes * number), emit.floats, align=4)
            for row, value in enumerate(values):
                before = sums.get((row, token))
                sums[row, token] = builder.fmul(value, met) if before is None else emit.multiply_add(value, met, before)
    for row, (_, scales, biases) in enumerate(rows):
        scale, bias = emit.per_lane(scales, vector), emit.per_lane(biases, vector)
        for token, base in enumerate(activations):
            unit_sums = emit.load(emit.add(base, 4 * lanes * form.packing.unit_weights), emit.floats, align=4)
            total = emit.multiply_add(bias, unit_sums, builder.load(totals[row][token]))
            builder.store(emit.multiply_add(sums[row, token], scale, total), totals[row][token])


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def row_values(
    typing: Any,
    bits: Any,
    lanes: Any,
    group_size: Any,
    scale_kind: Any,
    weight: Any,
    scales: Any,
    biases: Any,
    out: Any,
    n_vectors: Any,
) -> Any:
    """The weights of a row as float32, in the order the vectors hold them: [vector, field, lane]."""
    form = Form(*(part.literal_value for part in (bits, lanes, group_size, scale_kind)))
    signature = types.void(bits, lanes, group_size, scale_kind, *([types.int64] * 5))

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        _emit_row(builder, form, args[4:])
        return None

    return signature, generate


def _emit_row(builder: ir.IRBuilder, form: Form, args: Sequence[ir.Value]) -> None:
    weight, scales, biases, out, n_vectors = args
    emit = _Emitter(builder, form)
    with cgutils.for_range(builder, n_vectors, intp=_LONG) as loop:
        start = builder.mul(loop.index, _LONG(form.lanes * form.packing.unit_bytes))
        words = emit.words(builder.add(weight, start))
        scale, bias = emit.per_lane(scales, loop.index), emit.per_lane(biases, loop.index)
        place = builder.add(out, builder.mul(loop.index, _LONG(4 * form.vector_weights)))
        for number, found in enumerate(form.packing.fields):
            factor = ir.Constant(emit.floats, [_FLOAT(found.factor)] * form.lanes)
            value = emit.multiply_add(emit.field(words, number), builder.fmul(scale, factor), bias)
            pointer = builder.inttoptr(emit.add(place, 4 * form.lanes * number), emit.floats.as_pointer())
            builder.store(value, pointer, align=4)


def _offsets(builder: ir.IRBuilder, *parts: Any) -> list[ir.Value]:
    *pairs, row = parts
    return [builder.add(base, builder.mul(stride, _LONG(row))) for base, stride in pairs]


def _sum(builder: ir.IRBuilder, vector: ir.Value) -> ir.Value:
    kind = ir.FunctionType(_FLOAT, (_FLOAT, vector.type))
    name = f"llvm.vector.reduce.fadd.v{vector.type.count}f32"
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, (_FLOAT(0.0), vector), fastmath=("reassoc",))


def _call(builder: ir.IRBuilder, name: str, result: ir.Type, args: Sequence[ir.Value]) -> ir.Value:
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


def _splat(kind: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(kind, [kind.element(value)] * kind.count)


def _mask(places: Sequence[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(_WORD, len(places)), [_WORD(place) for place in places])
