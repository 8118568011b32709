"""A widget as one HTML file that opens from disk: bundle and data inlined, nothing fetched."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING

from flashmoe_nb.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
html {{ color-scheme: light dark; }}
body {{ margin: 0; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #111; }} }}
</style>
</head>
<body>
<div id="fm-page"></div>
<script id="fm-page-data" type="application/json">{data}</script>
<script type="module">
{bundle}
</script>
</body>
</html>
"""


def write_page(path: Path, *, title: str, bundle: str, traits: Mapping[str, object], run: bytes) -> Path:
    """Write it.

    Args:
        path: of the file; it must not exist.
        title: of the window.
        bundle: JavaScript of the widget.
        traits: what the front end starts with.
        run: a chunk with all rows.

    Raises:
        OptionError: the path is taken.
    """
    if path.exists():
        raise OptionError(f"{path} exists: give another path, or delete it")
    data = json.dumps({"traits": traits, "run": base64.b64encode(run).decode()})
    page = _PAGE.format(title=html.escape(title), data=_inert(data), bundle=_inert(bundle))
    path.write_text(page, "utf-8")
    return path


def _inert(text: str) -> str:
    r"""Nothing in it ends the script element: in JSON and in JavaScript's strings `<\/` is `</`."""
    return text.replace("</", r"<\/").replace("<!--", r"\u003c!--")
