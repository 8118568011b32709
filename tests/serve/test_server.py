"""Many clients, clients that leave, bodies that are none, and who may ask at all."""

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import openai
import pytest

import flashmoe_nb as fm
from flashmoe_nb.engine.sampling import Sampler
from flashmoe_nb.errors import FlashMoeError, OptionError
from flashmoe_nb.serve import Server, body
from flashmoe_nb.serve.loopback import is_loopback

HI: list[Any] = [{"role": "user", "content": "Hi"}]
BODY: dict[str, Any] = {"model": "tiny", "messages": HI, "max_tokens": 4}


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


@pytest.fixture
def endless(engine: fm.Engine, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The model says "x" until the limit; each token waits for this event."""
    go = threading.Event()

    def draw(_self: Sampler, _logits: np.ndarray, _rng: np.random.Generator) -> int:
        go.wait(20)
        return ord("x")

    monkeypatch.setattr(Sampler, "draw", draw)
    return go


def test_twenty_clients_at_once_are_all_answered(server: Server):
    async def ask(client: openai.AsyncOpenAI, number: int) -> tuple[str | None, str]:
        messages: Any = [{"role": "user", "content": f"Say {number}"}]
        options: Any = {"temperature": 1.0, "seed": number, "max_tokens": 6}
        if number % 2:
            answer = await client.chat.completions.create(model="tiny", messages=messages, **options)
            return answer.choices[0].message.content, str(answer.choices[0].finish_reason)
        text, reason = "", ""
        stream = await client.chat.completions.create(model="tiny", messages=messages, stream=True, **options)
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""
            reason = chunk.choices[0].finish_reason or reason
        return text.strip(), reason

    async def ask_all() -> list[tuple[str | None, str]]:
        async with openai.AsyncOpenAI(base_url=server.url, api_key="-", max_retries=0) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(20)))

    with ThreadPoolExecutor(1) as pool:  # a browser's test before this one may have left a loop in this thread
        together, again = (pool.submit(asyncio.run, ask_all()).result() for _ in range(2))
    assert len(together) == 20
    assert {reason for _, reason in together} <= {"length", "stop"}
    assert again == together  # nobody's answer depends on the others
    until(lambda: server.service.desk.n_here == 0)


def test_a_full_queue_says_so_and_goes_on(engine: fm.Engine, endless: threading.Event):
    with Server(engine, port=0, queue=1) as server:
        url = server.url + "/chat/completions"
        done: list[int] = []

        def ask() -> None:
            done.append(httpx.post(url, json=BODY, timeout=30).status_code)

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        until(lambda: server.service.desk.n_here == 2)
        refused = httpx.post(url, json=BODY)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "5"
        assert refused.json()["error"]["code"] == "busy"
        endless.set()
        for thread in threads:
            thread.join()
        assert done == [200, 200]
        assert httpx.post(url, json=BODY).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_stops_the_decoding(server: Server, endless: threading.Event, stream: bool):
    desk = server.service.desk
    before = desk.n_started, desk.n_tokens
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.split(":")[2].split("/")[0]))
    asked = BODY | {"max_tokens": 2000, "stream": stream}
    connection.request("POST", "/v1/chat/completions", json.dumps(asked), {"Content-Type": "application/json"})
    until(lambda: desk.n_started > before[0])
    connection.close()
    until(lambda: desk.n_here == 0)
    endless.set()  # only now may the token in hand end: no other follows it
    until(lambda: desk.n_tokens > before[1])
    assert desk.n_tokens - before[1] == 1
    assert httpx.post(server.url + "/chat/completions", json=BODY, timeout=30).status_code == 200


def test_a_client_that_leaves_the_queue_is_never_decoded(server: Server, endless: threading.Event):
    desk = server.service.desk
    first = threading.Thread(target=lambda: httpx.post(server.url + "/chat/completions", json=BODY, timeout=30))
    first.start()
    until(lambda: desk.n_started == 1)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url + "/chat/completions", json=BODY, timeout=0.3)
    until(lambda: desk.n_here == 1)
    endless.set()
    first.join()
    until(lambda: desk.n_here == 0)
    assert desk.n_started == 1


def test_a_cancelled_stream_of_the_openai_client(
    server: Server, client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch
):
    closed, drawn = threading.Event(), iter(range(10_000))

    def draw(_self: Sampler, _logits: np.ndarray, _rng: np.random.Generator) -> int:
        if next(drawn) >= 20:
            closed.wait(20)
        return ord("x")

    monkeypatch.setattr(Sampler, "draw", draw)
    desk = server.service.desk
    stream = client.chat.completions.create(model="tiny", messages=HI, max_tokens=1500, stream=True)
    for count, _ in enumerate(stream):
        if count == 3:
            stream.close()
            break
    until(lambda: desk.n_here == 0)
    closed.set()
    answer = client.chat.completions.create(model="tiny", messages=HI, max_tokens=2)
    assert answer.choices[0].message.content == "xx"
    assert desk.n_tokens <= 21 + 2


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 400, "Invalid JSON"),
        (b"{", 400, "Invalid JSON"),
        (b"[]", 400, "body: Input should be an object"),
        (b'{"model": "tiny"}', 400, "messages: Field required"),
        (b"\xff\xfe", 400, "Invalid JSON"),
        (b'{"model": "tiny", "messages": ' + b"[" * 100_000, 400, ""),
        (b'{"model": "tiny", "messages": [{"role": "user", "content": "\\ud800"}]}', 400, ""),
        (b'{"model": "other", "messages": [{"role": "user", "content": "x"}]}', 404, 'ask for "tiny"'),
        (b" " * (5 * 2**20), 413, "over 4,194,304 bytes"),
    ],
)
def test_bodies_that_are_none_are_refused(server: Server, content: bytes, status: int, said: str):
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(server.url + "/chat/completions", content=content, headers=headers)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert httpx.get(server.url.replace("/v1", "/health")).json() == {"status": "ok"}


def test_a_body_without_a_length_is_cut_off_too(server: Server):
    def parts() -> Any:
        for _ in range(80):
            yield b" " * 2**16

    headers = {"Content-Type": "application/json"}
    try:
        answer = httpx.post(server.url + "/chat/completions", content=parts(), headers=headers)
        assert answer.status_code == 413
    except httpx.WriteError:
        pass  # it hung up on us, which is as good
    assert httpx.post(server.url + "/chat/completions", json=BODY).status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body, "BODY_S", 0.2)
    with socket.create_connection(("127.0.0.1", int(server.url.split(":")[2].split("/")[0]))) as wire:
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        wire.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        assert b"408" in wire.recv(4096).split(b"\r\n")[0]


def test_only_json_is_taken(server: Server):
    """A page of another origin can send a form without asking; it cannot send JSON."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = httpx.post(server.url + "/chat/completions", content=json.dumps(BODY), headers={"Content-Type": kind})
        assert answer.status_code == 415
    preflight = httpx.options(server.url + "/chat/completions", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::2]"])
def test_without_a_token_other_names_are_refused(server: Server, host: str):
    """A name that somebody points at 127.0.0.1 after a page was loaded from it."""
    assert httpx.get(server.url + "/models", headers={"Host": host}).status_code == 403
    for name in ("localhost", "LOCALHOST:8000", "127.0.0.2", "127.0.0.2:80", "127.0.0.1:1", "[::1]:8000", "[::1]"):
        assert httpx.get(server.url + "/models", headers={"Host": name}).status_code == 200


def test_a_token_is_asked_for(engine: fm.Engine):
    with Server(engine, port=0, token="a long enough token") as server:  # noqa: S106 - a test's
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "a long enough token"}):
            assert httpx.get(server.url + "/models", headers=headers).status_code == 401
            assert httpx.post(server.url + "/chat/completions", json=BODY, headers=headers).status_code == 401
        assert httpx.get(server.url.replace("/v1", "/health")).status_code == 200
        with openai.OpenAI(base_url=server.url, api_key="a long enough token") as client:
            assert [model.id for model in client.models.list()] == ["tiny"]
        with (
            openai.OpenAI(base_url=server.url, api_key="another token", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError, match="missing or wrong"),
        ):
            client.models.list()


def test_other_addresses_get_a_token_by_default(engine: fm.Engine):
    server = Server(engine, host="0.0.0.0", port=0)  # noqa: S104 - that is what is tested
    server._socket.close()
    assert server.token is not None
    assert len(server.token) >= 32
    assert server.token not in repr(server)
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "example.org")] == [  # noqa: S104 - as above
        True, True, True, False, False, False,
    ]  # fmt: skip


def test_bad_options_are_refused(engine: fm.Engine):
    with pytest.raises(OptionError, match="at least 16"):
        Server(engine, port=0, token="short")  # noqa: S106 - a test's
    with pytest.raises(OptionError, match="sessions >= 1"):
        Server(engine, port=0, sessions=0)
    with pytest.raises(OptionError, match="port is 70000"):
        Server(engine, port=70_000)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OptionError, match="cannot be bound"):
        Server(engine, port=taken.getsockname()[1])


def test_a_socket_that_cannot_be_bound_is_closed(engine: fm.Engine, monkeypatch: pytest.MonkeyPatch):
    made: list[socket.socket] = []

    class Noted(socket.socket):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(socket, "socket", Noted)
        with pytest.raises(OptionError, match="cannot be bound"):
            Server(engine, port=taken.getsockname()[1])
    assert [one.fileno() for one in made] == [-1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_server_that_does_not_come_up_says_so(engine: fm.Engine):
    server = Server(engine, port=0)
    server._socket.close()  # as if taken away before it is served
    with pytest.raises(FlashMoeError, match="ended before it served"):
        server.start()


def test_unknown_paths_say_what_there_is(server: Server):
    answer = httpx.post(server.url + "/completions", json={})
    assert answer.status_code == 404
    assert "/v1/chat/completions" in answer.json()["error"]["message"]
    assert httpx.get(server.url + "/chat/completions").status_code == 404


def test_closing_stops_the_answer_in_hand(engine: fm.Engine, endless: threading.Event):
    server = Server(engine, port=0)
    server.start()
    asked = BODY | {"max_tokens": 2000}
    failed: list[Exception] = []
    answered: list[int] = []

    def ask() -> None:
        try:
            answered.append(httpx.post(server.url + "/chat/completions", json=asked, timeout=30).status_code)
        except httpx.HTTPError as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: server.service.desk.n_started == 1)
    closing = threading.Thread(target=server.close)
    closing.start()
    until(lambda: server.service.desk.n_here == 0)  # told to stop, while it cannot decode
    endless.set()
    closing.join()
    thread.join()
    assert failed or answered[0] >= 500
    assert server.service.desk.n_tokens < 2000
    assert engine.session().feed([1]) is not None  # the engine goes on
