"""What a canvas on the page holds: for tests that look at pixels. Takes Playwright locators."""

from typing import Any

_COUNT = """(canvas, colour) => {
    const {width, height} = canvas;
    const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const [r, g, b] = [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16));
    const found = [];
    for (let at = 0; at < data.length; at += 4) {
        const near = Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) < 24;
        if (near && data[at + 3] > 128) found.push(at / 4);
    }
    return [found.length, found.length ? found[found.length >> 1] % width : -1,
            found.length ? Math.floor(found[found.length >> 1] / width) : -1];
}"""


def drawn(page: Any) -> None:
    """Wait until what happened so far is drawn: widgets draw once a frame."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def picture(canvas: Any) -> str:
    """All its pixels, once the page has drawn."""
    drawn(canvas.page)
    return canvas.evaluate("canvas => canvas.toDataURL()")


def coloured(canvas: Any, colour: str) -> int:
    """How many pixels have about this colour, #RRGGBB."""
    picture(canvas)
    return canvas.evaluate(_COUNT, colour)[0]


def centre(canvas: Any, colour: str) -> dict[str, int]:
    """Place of a pixel in the middle of those of a colour."""
    picture(canvas)
    count, x, y = canvas.evaluate(_COUNT, colour)
    assert count, f"no pixel is {colour}"
    return {"x": x, "y": y}
