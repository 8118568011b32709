"""Runs the notebooks and stores what they show, for readers who look without running, on GitHub or before a run.

    .venv/bin/python notebooks/store_outputs.py [NOTEBOOK ...]

Figures are stored as PNG alone: GitHub draws no plotly, and JupyterLab draws the live figure once a cell is run.
"""

import base64
import shutil
import struct
import sys
import zlib
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from playwright.sync_api import sync_playwright
from plotly.offline import get_plotlyjs

PLOTLY = "application/vnd.plotly.v1+json"
WIDTH_PX = 800
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRAW = """([figure, width]) => Plotly.toImage(
    {data: figure.data, layout: figure.layout}, {format: "png", width, height: figure.layout.height, scale: 1})"""


def run(path):
    """The notebook, executed, without what differs from machine to machine."""
    notebook = nbformat.read(path, 4)
    NotebookClient(
        notebook, timeout=300, coalesce_streams=True, resources={"metadata": {"path": path.parent}}
    ).execute()
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def smaller(png):
    """The same PNG, deflated with more effort than a browser takes."""
    kept, pixels, at = [], b"", 8
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        body = png[at + 8 : at + 8 + size]
        pixels += body if kind == b"IDAT" else b""
        if kind in {b"IHDR", b"IEND"}:
            kept.append((kind, body))
        at += 12 + size
    kept.insert(1, (b"IDAT", zlib.compress(zlib.decompress(pixels), 9)))
    chunks = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in kept)
    return png[:8] + b"".join(chunks)


def as_picture(page, figure):
    """A plotly figure as PNG, and its title for readers of text."""
    address = page.evaluate(DRAW, [figure, WIDTH_PX])
    title = figure["layout"]["title"]
    text = f"Figure: {title['text']}. {title['subtitle']['text']}"
    png = smaller(base64.b64decode(address.partition(",")[2]))
    return {"image/png": base64.b64encode(png).decode(), "text/plain": text}


def store(path, page):
    """Run one notebook and write it back."""
    notebook = run(path)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for output in outputs:
        if PLOTLY in output.get("data", {}):
            output["data"], output["metadata"] = as_picture(page, output["data"][PLOTLY]), {}
    nbformat.write(notebook, path)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


def main():
    """All notebooks, or those named."""
    paths = [Path(name) for name in sys.argv[1:]] or sorted(Path(__file__).parent.glob("*.ipynb"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.add_script_tag(content=get_plotlyjs())
        for path in paths:
            store(path.resolve(), page)


if __name__ == "__main__":
    main()
