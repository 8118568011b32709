"""The routes: /v1/chat/completions, /v1/models and /health, for one model. Knows no sockets.

Nothing is sent to pages of other origins: there are no CORS headers, a body must say it is JSON (which makes a browser
ask first), and without a token only requests addressed to this machine's own name are answered.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import TYPE_CHECKING

import pydantic
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from flashmoe_nb.chat.guide import GrammarMaker
from flashmoe_nb.chat.prompt import PromptMaker
from flashmoe_nb.serve.answer import Answer
from flashmoe_nb.serve.body import read_body
from flashmoe_nb.serve.completion import Completion
from flashmoe_nb.serve.desk import Desk, HungUp
from flashmoe_nb.serve.loopback import is_loopback
from flashmoe_nb.serve.problem import Problem, as_problem, invalid
from flashmoe_nb.serve.request import ChatRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from flashmoe_nb.engine import Engine
    from flashmoe_nb.serve.desk import Place

_MAX_BODY_BYTES = 4 * 2**20
_DEFAULT_MAX_TOKENS = 2048
"""Where a request names no limit."""
_NO_CONTENT = 499  # what web servers write in their logs for a client that hung up


class Service:
    """One model behind HTTP.

    Args:
        engine: the model.
        token: every request to /v1 must carry it; None takes requests to this machine's own name only.
        queue: how many requests may wait besides the one being answered.
        sessions: conversations whose state is kept.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        token: str | None = None,
        queue: int = 32,
        sessions: int = 2,
    ) -> None:
        self.engine = engine
        self.model = engine.checkpoint.folder.name
        self.desk = Desk(engine, queue=queue, sessions=sessions)
        self._token = token
        self._prompts = PromptMaker(engine)
        self._grammars: GrammarMaker | None = None
        self._defaults = engine.generation_defaults
        self.app = Starlette(
            routes=[
                Route("/health", self._health),
                Route("/v1/models", self._models),
                Route("/v1/models/{name:path}", self._models),
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
            ],
            exception_handlers={404: _not_found, 405: _not_found, Problem: _told, Exception: _told},
        )

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _models(self, request: Request) -> Response:
        self._check(request)
        model = {"id": self.model, "object": "model", "created": 0, "owned_by": "flashmoe_nb"}
        if (name := request.path_params.get("name")) is None:
            return JSONResponse({"object": "list", "data": [model]})
        self._check_model(name)
        return JSONResponse(model)

    async def _complete(self, request: Request) -> Response:
        self._check(request)
        try:
            raw = await read_body(request, _MAX_BODY_BYTES)
            try:
                asked = ChatRequest.model_validate_json(raw)
            except pydantic.ValidationError as error:
                raise invalid(error) from None
            self._check_model(asked.model)
            completion = await to_thread.run_sync(self._prepared, asked)
            place = self.desk.enter(completion.turn, completion.prompt.ids)
        except ClientDisconnect:
            return Response(status_code=_NO_CONTENT)
        except Exception as error:  # noqa: BLE001 - becomes the answer, or is raised again
            return _answered(error)
        answer = Answer(self.model, completion.tools, completion.alternatives)
        if asked.stream:
            with_usage = asked.stream_options is not None and asked.stream_options.include_usage
            return _EventStream(_events(request, place, answer, with_usage=with_usage), place)
        return await _whole(request, place, answer)

    def _prepared(self, asked: ChatRequest) -> Completion:
        return Completion(asked, self.engine, self._prompts, self._grammar_maker, self._defaults, _DEFAULT_MAX_TOKENS)

    def _grammar_maker(self) -> GrammarMaker:
        """Made when a request first needs it."""
        if self._grammars is None:
            self._grammars = GrammarMaker(self.engine)
        return self._grammars

    def _check(self, request: Request) -> None:
        """Whether the client may ask at all.

        Raises:
            Problem: a wrong token, or another machine's name.
        """
        if self._token is None:
            host = request.headers.get("host", "")
            name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
            if not is_loopback(name.lower().strip("[]")):
                raise Problem(403, f'the request is addressed to "{host[:60]}": without a token use http://127.0.0.1')
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), self._token.encode()):
            raise Problem(
                401, "the token is missing or wrong: send Authorization: Bearer TOKEN", code="invalid_api_key"
            )

    def _check_model(self, name: str) -> None:
        if name != self.model:
            raise Problem(
                404,
                f'the model "{name[:100]}" is not here: ask for "{self.model}"',
                code="model_not_found",
                param="model",
            )


class _EventStream(StreamingResponse):
    """Server-sent events; the place in the queue is given up however it ends."""

    def __init__(self, content: AsyncIterator[str], place: Place) -> None:
        super().__init__(content, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._place.leave()


async def _events(request: Request, place: Place, answer: Answer, *, with_usage: bool) -> AsyncIterator[str]:
    yield _event(answer.first_chunk())
    try:
        async with contextlib.aclosing(place.pieces(lambda: _hung_up(request))) as pieces:
            async for item in pieces:
                if item is None:
                    yield ": still here\n\n"
                elif (chunk := answer.add(item)) is not None:
                    yield _event(chunk)
        if with_usage:
            yield _event(answer.usage_chunk())
    except HungUp:
        return
    except Exception as error:  # noqa: BLE001 - the status is sent already, so the stream itself must tell
        yield _event(as_problem(error).body())
    yield "data: [DONE]\n\n"


async def _whole(request: Request, place: Place, answer: Answer) -> Response:
    try:
        async with contextlib.aclosing(place.pieces(lambda: _hung_up(request))) as pieces:
            async for item in pieces:
                if item is not None:
                    answer.add(item)
        return JSONResponse(answer.whole())
    except HungUp:
        return Response(status_code=_NO_CONTENT)
    except Exception as error:  # noqa: BLE001 - becomes the answer
        return _answered(error)
    finally:
        place.leave()


async def _hung_up(request: Request) -> None:
    """Wait until the client is gone; its body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _event(value: object) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _answered(error: Exception) -> Response:
    return as_problem(error).response()


def _told(_request: Request, error: Exception) -> Response:
    return _answered(error)


def _not_found(request: Request, _error: Exception) -> Response:
    path = f"{request.method} {request.url.path[:100]}"
    return Problem(404, f"{path} is not here: there are /v1/chat/completions, /v1/models and /health").response()
