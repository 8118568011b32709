"""Memory by address inside compiled code: peeks, pointers, calls and atomic words.

Addresses cost numba's dispatcher nothing, where every array it is handed costs a tenth of a microsecond and more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONG, _FLOAT = ir.IntType(64), ir.FloatType()
_ORDER = "seq_cst"


@intrinsic  # type: ignore[untyped-decorator]
def peek(typing: Any, address: Any, place: Any) -> Any:
    """The int64 number `place` at an address."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return builder.load(_place(builder, args))

    return types.int64(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def poke(typing: Any, address: Any, place: Any, value: Any) -> Any:
    """Write the int64 number `place` at an address."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        builder.store(args[2], _place(builder, args))

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def float_pointer(typing: Any, address: Any) -> Any:
    """float32* of an address, for `numba.carray`."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return builder.inttoptr(args[0], _FLOAT.as_pointer())

    return types.CPointer(types.float32)(types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def power_of_two(typing: Any, exponent: Any) -> Any:
    """2^n as float32 of an int32 from -126 to 127, by its bits."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        word = ir.IntType(32)
        return builder.bitcast(builder.shl(builder.add(args[0], word(127)), word(23)), _FLOAT)

    return types.float32(types.int32), generate


@intrinsic  # type: ignore[untyped-decorator]
def keep(typing: Any, arrays: Any) -> Any:
    """Does nothing: the line to name an array in, or a tuple of them, when all that use its address are done.

    Numba frees an array after the last line that names it, whatever still works with its address.
    """

    def generate(_context: Any, _builder: ir.IRBuilder, _signature: Any, _args: Sequence[ir.Value]) -> None:
        return None

    return types.void(arrays), generate


@intrinsic  # type: ignore[untyped-decorator]
def call_at(typing: Any, function: Any, task: Any, x: Any, y: Any, start: Any, stop: Any) -> Any:
    """Call the kernel at an address: void(int64 task, int64 x, int64 y, int64 start, int64 stop)."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        kind = ir.FunctionType(ir.VoidType(), [_LONG] * 5)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.void(*([types.int64] * 6)), generate


@intrinsic  # type: ignore[untyped-decorator]
def atomic_load(typing: Any, address: Any, place: Any) -> Any:
    """The int64 number `place` at an address, in order with all other atomics."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return builder.load_atomic(_place(builder, args), _ORDER, 8)

    return types.int64(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def atomic_store(typing: Any, address: Any, place: Any, value: Any) -> Any:
    """Write, in order with all other atomics."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        builder.store_atomic(args[2], _place(builder, args), _ORDER, 8)

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def atomic_add(typing: Any, address: Any, place: Any, value: Any) -> Any:
    """Add; returns what was there before."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        return builder.atomic_rmw("add", _place(builder, args), args[2], _ORDER)

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def atomic_swap_if(typing: Any, address: Any, place: Any, expected: Any, value: Any) -> Any:
    """Write `value` where `expected` stands; whether it did."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, args: Sequence[ir.Value]) -> ir.Value:
        result = builder.cmpxchg(_place(builder, args), args[2], args[3], _ORDER, _ORDER)
        return builder.extract_value(result, 1)

    return types.boolean(types.int64, types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def store_fence(typing: Any) -> Any:
    """No write after this line is seen before those in front of it, atomic or not.

    An atomic store holds back only what stands before it. Costs nothing on x86, which keeps all writes in order; `dmb`
    on ARM.
    """

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, _args: Sequence[ir.Value]) -> None:
        builder.fence("release")

    return types.void(), generate


@intrinsic  # type: ignore[untyped-decorator]
def spin(typing: Any) -> Any:
    """A moment of waiting that leaves the core to its other thread; nothing on machines without such an instruction."""

    def generate(_context: Any, builder: ir.IRBuilder, _signature: Any, _args: Sequence[ir.Value]) -> ir.Value:
        module = builder.module
        if module.triple.startswith("x86_64"):
            kind = ir.FunctionType(ir.VoidType(), [])
            builder.call(cgutils.get_or_insert_function(module, kind, "llvm.x86.sse2.pause"), [])

    return types.void(), generate


def _place(builder: ir.IRBuilder, args: Sequence[ir.Value]) -> ir.Value:
    return builder.gep(builder.inttoptr(args[0], _LONG.as_pointer()), [args[1]])
