"""`flashmoe serve` and `flashmoe chat` as a person starts them."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest


def run(checkpoint: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flashmoe_nb.cli", arguments[0], str(checkpoint), *arguments[1:]]
    return subprocess.run(command, input=said, capture_output=True, text=True, timeout=120, check=False)


def test_serve_answers_until_it_is_interrupted(checkpoint: Path, tmp_path: Path):
    (tmp_path / "token").write_text("a long enough token\n")
    command = [sys.executable, "-m", "flashmoe_nb.cli", "serve", str(checkpoint), "--port", "0", "--token-file"]
    with subprocess.Popen([*command, str(tmp_path / "token")], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/v1", line)
        assert url is not None, line
        assert "a long enough token" not in line
        with httpx.Client(transport=httpx.HTTPTransport(retries=10)) as client:
            assert client.get(url[0] + "/models").status_code == 401
            headers = {"Authorization": "Bearer a long enough token"}
            assert client.get(url[0] + "/models", headers=headers).json()["data"][0]["id"] == "tiny"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--port", "99999"], "port is 99999"),
        (["serve", "--token-file", "none.txt"], "the token cannot be read from none.txt"),
        (["chat", "--load", "none.json"], "none.json cannot be read"),
        (["chat", "--load", "none.json", "--system", "Be brief."], "leave one of them out"),
    ],
)
def test_what_cannot_be_done_is_one_line(checkpoint: Path, arguments: list[str], said: str):
    done = run(checkpoint, *arguments, said="Hi\n")
    assert done.returncode != 0
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_chat_talks_saves_and_goes_on(checkpoint: Path, tmp_path: Path):
    path = tmp_path / "talk.json"
    options = ["--max-tokens", "3", "--seed", "1"]
    first = run(checkpoint, "chat", *options, said=f"Hi\n\n/save {path}\n/reset\nHi\n/quit\nnot read\n")
    assert first.returncode == 0
    assert first.stderr.count("tokens, ") == 2
    second = run(checkpoint, "chat", *options, "--load", str(path), said="More\n")
    assert second.returncode == 0
    fed = [int(count) for count in re.findall(r"of (\d+) of the prompt", first.stderr + second.stderr)]
    assert fed[0] == fed[1] < fed[2]  # the third goes on with the first
