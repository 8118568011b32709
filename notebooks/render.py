"""Runs the notebooks and writes what they show as pages that need no network and no installation: `make docs`.

    .venv/bin/python notebooks/render.py FOLDER [NOTEBOOK ...]

Figures stay live (plotly's script lies beside the pages); widgets become pages of their own, with the run they showed.
"""

import html
import json
import shutil
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from plotly.offline import get_plotlyjs

HERE = Path(__file__).parent
PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
NO_PAGE = "<p><em>Sliders and buttons: they need a kernel, so they are not on this page.</em></p>"

# Runs in the kernel, before the cell that closes the views.
SAVE_WIDGETS = """
from pathlib import Path as _Path
from flashmoe_nb.widgets import View as _View
for _view in set(_value for _value in globals().values() if isinstance(_value, _View)):
    _view.to_html(_Path({folder!r}) / f"{{_view.model_id}}-{{type(_view).__name__}}.html")
"""
FRAME = '<iframe class="widget {kind}" loading="lazy" title="{name}" src="widgets/{name}.html"></iframe>'
FIGURE = """<div id="{name}"></div>
<script>Plotly.newPlot("{name}", {data}, {layout}, {{responsive: true}});</script>"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="page.css">
<script src="plotly.min.js"></script>
</head>
<body>
<nav>{links}</nav>
<main>
{body}
</main>
</body>
</html>
"""


def run(path, scratch):
    """The notebook, executed; its widgets as pages in `scratch`, named by their model."""
    notebook = nbformat.read(path, 4)
    at = next(n for n, cell in enumerate(notebook.cells) if cell.id == "close")
    saving = nbformat.v4.new_code_cell(SAVE_WIDGETS.format(folder=str(scratch)), id="save-widgets")
    notebook.cells.insert(at, saving)
    where = {"metadata": {"path": str(HERE)}}
    NotebookClient(notebook, timeout=600, coalesce_streams=True, resources=where).execute()
    notebook.cells.remove(saving)
    return notebook


def as_html(data, name, scratch, folder):
    """What replaces a figure or a widget on a page; None where the output is fine as it is."""
    if PLOTLY in data:
        figure = data[PLOTLY]
        parts = {part: json.dumps(figure[part]).replace("</", "<\\/") for part in ("data", "layout")}
        return FIGURE.format(name=name, **parts)
    if WIDGET in data:
        made = next(scratch.glob(f"{data[WIDGET]['model_id']}-*.html"), None)
        if made is None:
            return NO_PAGE
        kind = made.stem.partition("-")[2]
        made.replace(folder / "widgets" / f"{name}.html")
        return FRAME.format(name=name, kind=kind)
    return None


def replace_outputs(notebook, stem, scratch, folder):
    """Figures and widgets in a form that a page can show."""
    for cell in notebook.cells:
        for number, output in enumerate(cell.get("outputs", [])):
            shown = as_html(output.get("data", {}), f"{stem}-{cell.id}-{number}", scratch, folder)
            if shown is not None:
                output["data"], output["metadata"] = {"text/html": shown}, {}


def title_of(notebook):
    """Its first heading."""
    return notebook.cells[0].source.partition("\n")[0].lstrip("# ")


def link_to_pages(notebook, names):
    """Links between notebooks lead to pages; those to other files two folders further up."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for name in names:
                cell.source = cell.source.replace(f"({name}.ipynb)", f"({name}.html)")
            cell.source = cell.source.replace("](../", "](../../")


def body_of(notebook):
    """Cells and outputs as HTML, without nbconvert's own page around them."""
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    exporter.exclude_anchor_links = True
    return exporter.from_notebook_node(notebook)[0]


def render(path, folder, titles):
    """One page."""
    start_s = time.perf_counter()
    scratch = folder / "scratch"
    scratch.mkdir()
    notebook = run(path, scratch)
    replace_outputs(notebook, path.stem, scratch, folder)
    link_to_pages(notebook, titles)
    links = " ".join(
        f'<a href="{name}.html"{" class=here" * (name == path.stem)}>{html.escape(title)}</a>'
        for name, title in titles.items()
    )
    page = PAGE.format(title=html.escape(titles[path.stem]), links=links, body=body_of(notebook))
    (folder / f"{path.stem}.html").write_text(page, "utf-8")
    shutil.rmtree(scratch)
    print(f"{path.stem}.html, {time.perf_counter() - start_s:.0f} s", flush=True)


def main():
    """All notebooks, or those named, into a folder that is made anew."""
    folder, everything = Path(sys.argv[1]).resolve(), sorted(HERE.glob("[0-9]*.ipynb"))
    wanted = [Path(name).resolve() for name in sys.argv[2:]] or everything
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "widgets").mkdir(parents=True)
    (folder / "plotly.min.js").write_text(get_plotlyjs(), "utf-8")
    shutil.copy(HERE / "page.css", folder)
    titles = {path.stem: title_of(nbformat.read(path, 4)) for path in everything}
    for path in wanted:
        render(path, folder, titles)
    shutil.copy(folder / f"{wanted[0].stem}.html", folder / "index.html")


if __name__ == "__main__":
    main()
