"""Errors as OpenAI's interface writes them. Knows no model."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from flashmoe_nb.errors import ContextError, FlashMoeError, OptionError, PromptError, ToolError, UnsupportedError

if TYPE_CHECKING:
    import pydantic

_LOG = logging.getLogger(__name__)
_OF_THE_CALLER = (PromptError, OptionError, ToolError, UnsupportedError)


class Problem(Exception):  # noqa: N818 - it becomes an answer
    """An answer that is an error: status, message, and OpenAI's `type`, `code` and `param`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.retry_s = status, code, param, retry_s

    def body(self) -> dict[str, Any]:
        """The JSON of it."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"  # noqa: PLR2004 - HTTP's border
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """As a whole answer."""
        headers = {} if self.retry_s is None else {"Retry-After": str(self.retry_s)}
        return JSONResponse(self.body(), self.status, headers)


def as_problem(error: BaseException) -> Problem:
    """What to tell a client of an error: messages of our own as they are, of others only that there was one."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ContextError):
        return Problem(400, str(error), code="context_length_exceeded", param="messages")
    if isinstance(error, _OF_THE_CALLER):
        return Problem(400, str(error))
    _LOG.error("a request failed", exc_info=error)
    if isinstance(error, FlashMoeError):
        return Problem(500, str(error))
    return Problem(500, f"the server failed ({type(error).__name__}): see its log")


def invalid(error: pydantic.ValidationError) -> Problem:
    """A body that is not of the form."""
    rows = error.errors(include_url=False, include_context=False, include_input=False)
    shown = "; ".join(f"{'.'.join(map(str, row['loc'])) or 'body'}: {row['msg']}" for row in rows[:5])
    param = ".".join(map(str, rows[0]["loc"])) if rows and rows[0]["loc"] else None
    return Problem(400, shown, param=param)
