"""A request's body, read only as far as it may go: in size and in time. Knows no JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flashmoe_nb.serve.problem import Problem

if TYPE_CHECKING:
    from starlette.requests import Request

BODY_S = 30.0
"""How long a client may take to send its request."""


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The whole body.

    Raises:
        Problem: no JSON by its type, too large, or too slow.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, f'the body has the type "{kind}": send Content-Type: application/json')
    try:
        return await asyncio.wait_for(_read(request, most_bytes), BODY_S)
    except TimeoutError:
        raise Problem(408, f"the body did not arrive within {BODY_S:.0f} s: send it at once") from None


async def _read(request: Request, most_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            raise Problem(413, f"the body is over {most_bytes:,} bytes, which is the limit: send less")
        parts.append(part)
    return b"".join(parts)
