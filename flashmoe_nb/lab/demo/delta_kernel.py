"""Triton kernels of the gated delta rule, one program a (sequence, head). See `delta` for the maths.

The next step's inputs are loaded before the current step is computed, so that their latency is hidden.
`TRITON_INTERPRET=1` runs them on the CPU (the tests do).
"""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, N803 - Triton reads annotations, and its constants are capitals

import triton
import triton.language as tl


@triton.jit
def forward(q, k, v, g, beta, out, states, time: tl.constexpr, H: tl.constexpr, GROUP: tl.constexpr, D: tl.constexpr,
            SCALE: tl.constexpr, KEEP: tl.constexpr):  # fmt: skip
    """Outputs, and with KEEP the state before every step."""
    program = tl.program_id(0)
    row = (program // H) * time
    head = program % H
    i = tl.arange(0, D)
    qk_step: tl.constexpr = (H // GROUP) * D
    q_at = q + (row * (H // GROUP) + head // GROUP) * D + i
    k_at = k + (row * (H // GROUP) + head // GROUP) * D + i
    v_at = v + (row * H + head) * D + i
    o_at = out + (row * H + head) * D + i
    g_at = g + row * H + head
    b_at = beta + row * H + head
    tile = states + program.to(tl.int64) * time * D * D + i[:, None] * D + i[None, :]
    state = tl.zeros((D, D), tl.float32)
    q_next, k_next, v_next = tl.load(q_at), tl.load(k_at), tl.load(v_at)
    g_next, b_next = tl.load(g_at), tl.load(b_at)
    for t in range(time):
        qt, kt, vt = q_next.to(tl.float32) * SCALE, k_next.to(tl.float32), v_next.to(tl.float32)
        decay, bt = tl.exp(g_next.to(tl.float32)), b_next.to(tl.float32)
        step = tl.where(t + 1 < time, 1, 0)
        q_at += step * qk_step
        k_at += step * qk_step
        v_at += step * H * D
        g_at += step * H
        b_at += step * H
        q_next, k_next, v_next = tl.load(q_at), tl.load(k_at), tl.load(v_at)
        g_next, b_next = tl.load(g_at), tl.load(b_at)
        if KEEP:
            tl.store(tile, state.to(tl.bfloat16))
            tile += D * D
        state = state * decay
        delta = (vt - tl.sum(state * kt[:, None], 0)) * bt
        state += kt[:, None] * delta[None, :]
        tl.store(o_at, tl.sum(state * qt[:, None], 0).to(out.dtype.element_ty))
        o_at += H * D


@triton.jit
def backward(q, k, v, g, beta, d_out, states, dq, dk, dv, dg, dbeta, time: tl.constexpr,
             H: tl.constexpr, GROUP: tl.constexpr, D: tl.constexpr, SCALE: tl.constexpr):  # fmt: skip
    """Gradients, walking back in time; dq and dk are per value head."""
    program = tl.program_id(0)
    last = (program // H) * time + time - 1
    head = program % H
    i = tl.arange(0, D)
    qk_step: tl.constexpr = (H // GROUP) * D
    q_at = q + (last * (H // GROUP) + head // GROUP) * D + i
    k_at = k + (last * (H // GROUP) + head // GROUP) * D + i
    at = (last * H + head) * D + i
    scalar = last * H + head
    tile = states + (program.to(tl.int64) * time + time - 1) * D * D + i[:, None] * D + i[None, :]
    grad = tl.zeros((D, D), tl.float32)
    q_next, k_next, v_next, do_next = tl.load(q_at), tl.load(k_at), tl.load(v + at), tl.load(d_out + at)
    g_next, b_next, s_next = tl.load(g + scalar), tl.load(beta + scalar), tl.load(tile)
    for t in range(time):
        qt, kt, vt = q_next.to(tl.float32) * SCALE, k_next.to(tl.float32), v_next.to(tl.float32)
        dot, decay, bt = do_next.to(tl.float32), tl.exp(g_next.to(tl.float32)), b_next.to(tl.float32)
        decayed = s_next.to(tl.float32) * decay
        step = tl.where(t + 1 < time, 1, 0)
        q_at -= step * qk_step
        k_at -= step * qk_step
        tile -= step * D * D
        ahead = at - step * H * D
        scalar_ahead = scalar - step * H
        q_next, k_next, v_next, do_next = tl.load(q_at), tl.load(k_at), tl.load(v + ahead), tl.load(d_out + ahead)
        g_next, b_next, s_next = tl.load(g + scalar_ahead), tl.load(beta + scalar_ahead), tl.load(tile)
        error = vt - tl.sum(decayed * kt[:, None], 0)
        delta = error * bt
        state = decayed + kt[:, None] * delta[None, :]
        grad += qt[:, None] * dot[None, :]
        d_delta = tl.sum(grad * kt[:, None], 0)
        d_error = d_delta * bt
        tl.store(dq + at, tl.sum(state * dot[None, :], 1) * SCALE)
        tl.store(dk + at, tl.sum(grad * delta[None, :] - decayed * d_error[None, :], 1))
        tl.store(dv + at, d_error.to(dv.dtype.element_ty))
        tl.store(dbeta + scalar, tl.sum(d_delta * error, 0))
        grad -= kt[:, None] * d_error[None, :]
        tl.store(dg + scalar, tl.sum(tl.sum(grad * decayed, 1), 0))
        grad = grad * decay
        at = ahead
        scalar = scalar_ahead
