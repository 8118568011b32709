"""What the widgets of a page show. A blank canvas has a single colour."""

from typing import Any

_COLOURS = """(canvas) => {
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
}"""
MOST_BLANK = 2
"""Colours of a canvas that shows nothing: its ground, and perhaps a frame."""


def colours(canvas: Any) -> int:
    """How many different ones a canvas has."""
    return canvas.evaluate(_COLOURS)


def shows(page: Any) -> list[tuple[str, bool]]:
    """Each widget that can be seen, and whether one of its canvases is painted; one without any must have words."""
    widgets = [one for one in page.locator(".fm-root").all() if one.is_visible()]
    return [(one.get_attribute("aria-label"), _shows(one)) for one in widgets]


def _shows(widget: Any) -> bool:
    canvases = [one for one in widget.locator("canvas").all() if one.is_visible()]
    if canvases:
        return max(map(colours, canvases)) > MOST_BLANK
    return widget.locator(".fm-body").inner_text().strip() != ""
