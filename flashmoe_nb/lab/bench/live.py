"""Suite `live`: what a live view costs the decoding, and how soon it shows what was decided.

A notebook in a real JupyterLab decodes the same tokens in turns, unwatched and with a view attached. The view's front
end counts its frames and how late each newest token was drawn. Widgets are named in the notebook's cell only.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flashmoe_nb.engine.demo import packed_demo
from flashmoe_nb.lab.bench.jupyter import Notebook, chromium, jupyter_server
from flashmoe_nb.lab.bench.table import Table
from flashmoe_nb.lab.bench.watch import ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flashmoe_nb.lab.bench.options import Options

VIEWS = ("RouterView", "Dashboard")
PACES = (25.0, math.inf)
"""Tokens a second asked for: more than the original decodes, and as many as there can be."""
_TURN_S = 4
_MOST_TOKENS = 1000
_WAIT_S = 120
_VIEWPORT = {"width": 1400, "height": 2000}  # tall: what is off screen is not drawn

# Tokens are fed on a thread of their own, as a player does: so the kernel hears what the front end acknowledges.
_CELL = """
import threading, time
import flashmoe_nb as fm
from flashmoe_nb.widgets import {view}
engine = fm.open({folder!r}, top_k={top_k})
engine.warm()
view, seen = {view}(), []

def turn(watched, tokens, pause_s):
    session, spent_ns = engine.session(), []
    session.feed([1])
    if watched:
        view.attach(session)
        time.sleep(1)
    frames, begin = view.get_stats()["frames"], time.perf_counter()
    view.reset_stats()
    due = begin
    for token in tokens:
        begin_ns = time.perf_counter_ns()
        session.feed([token])
        spent_ns.append(time.perf_counter_ns() - begin_ns)
        due += pause_s
        time.sleep(max(0, due - time.perf_counter()))
    seconds, stats = time.perf_counter() - begin, view.get_stats()
    view.detach()
    seen.append((spent_ns, seconds, stats["sent"], stats["frames"] - frames, stats["latencies_ms"], stats["dropped"]))

def start(*given):
    global thread
    seen.clear()
    thread = threading.Thread(target=turn, args=given)
    thread.start()

start(False, range(2, 40), 0)
view
"""


def run(options: Options) -> Iterator[Table]:
    """The demo model and two layers of the 397B shape, or the model given.

    Raises:
        OptionError: no playwright, or no Chromium.
    """
    with chromium() as browser:
        yield from run_in(browser, options)


def run_in(browser: Any, options: Options) -> Iterator[Table]:
    """The same in a browser of playwright that is open."""
    large = options.checkpoint("qwen3.5-397b", 2, vocab=4096)
    models = [(large, options.active(large))]
    if options.model is None:
        models.insert(0, (packed_demo()[0], None))
    with tempfile.TemporaryDirectory() as own:
        shown = Path(own) / "shown"
        shown.mkdir()
        with jupyter_server(shown, Path(own)) as url:
            for folder, top_k in models:
                yield _measure(folder, top_k, browser, url, shown, options.rounds)


def _measure(folder: Path, top_k: int | None, browser: Any, url: str, shown: Path, rounds: int) -> Table:
    columns = (
        "view", "tokens/s", "ms a token unwatched", "watched", "against unwatched", "upper 95 % bound",
        "updates/s", "frames/s", "ms to the screen, p50", "p95",
    )  # fmt: skip
    title = f"What a live view costs: {folder.name}, in JupyterLab in headless Chromium"
    table = Table("live", title, columns)
    table.notes.append("the browser draws in software and shares the cores with the decoding")
    for view in VIEWS:
        context = browser.new_context(viewport=_VIEWPORT)
        notebook = Notebook(context.new_page(), shown / f"{view}.ipynb")
        cell = _CELL.format(view=view, folder=str(folder), top_k=top_k)
        notebook.path.write_text(json.dumps(_one_cell(cell)), "utf-8")
        notebook.open(url)
        notebook.run_all()
        unpaced_ns = statistics.median(_wait(notebook)[0][8:])
        for pace in PACES:
            n_tokens = min(_MOST_TOKENS, math.ceil(_TURN_S * min(pace, 1e9 / unpaced_ns)))
            asked = "all there are" if math.isinf(pace) else f"{pace:g} asked for"
            table.add(view, asked, *_in_turns(notebook, n_tokens, 1 / pace, rounds))
        notebook.page.evaluate("async () => { await window.jupyterapp.serviceManager.sessions.shutdownAll(); }")
        context.close()
    return table


def _one_cell(source: str) -> dict[str, object]:
    """A notebook."""
    cell: dict[str, object] = {"cell_type": "code", "id": "all", "source": source, "metadata": {}}
    cell |= {"outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _wait(notebook: Notebook) -> Any:
    """What the turn saw, when it is over."""
    notebook.wait_for("not thread.is_alive()", _WAIT_S)
    return notebook.ask("seen[0]")


def _in_turns(notebook: Notebook, n_tokens: int, pause_s: float, rounds: int) -> tuple[float, ...]:
    """One row's numbers: both ways in turns, the first one changing."""
    tokens = np.random.default_rng(0).integers(2, 900, n_tokens).tolist()
    spent: dict[bool, list[int]] = {False: [], True: []}
    updates, frames, latencies_ms = [], [], []
    for number in range(rounds):
        for watched in (False, True) if number % 2 == 0 else (True, False):
            notebook.ask(f"start({watched}, {tokens}, {pause_s})")
            spent_ns, seconds, sent, drawn, late_ms, dropped = _wait(notebook)
            assert dropped == 0, f"{dropped} tokens were never sent"
            spent[watched] += spent_ns
            if watched:
                updates.append(sent / seconds)
                frames.append(drawn / seconds)
                latencies_ms += late_ms
    means = [statistics.mean(spent[watched]) / 1e6 for watched in (False, True)]
    percentiles = np.percentile(latencies_ms, (50, 95)).tolist()
    shown = (statistics.mean(updates), statistics.mean(frames), *percentiles)
    return (*means, *ratio(spent[True], spent[False]), *shown)
