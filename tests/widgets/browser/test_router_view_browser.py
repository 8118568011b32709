"""RouterView in JupyterLab: every control and what it does, of a saved trace and of a session that decodes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
TRACE = ROOT / "data" / "traces" / "code.safetensors"

SAVED = f"""
import flashmoe_nb as fm
from flashmoe_nb.widgets import RouterView
trace = fm.load_trace({str(TRACE)!r})[:160]
view = RouterView(trace)
view
"""

LIVE = """
import flashmoe_nb as fm
from flashmoe_nb.widgets import RouterView
engine = fm.open()
session = engine.session()
player = session.play("def read_file(path):", max_tokens=60, paused=True)
view = RouterView(player)
view
"""

# The pixels at the middle of cells; 40 and 16 are the map's margins.
_PIXELS = """([canvas, cells, experts, rowHeight]) => {
    const ratio = canvas.width / canvas.clientWidth, wide = (canvas.clientWidth - 40) / experts;
    const {data, width} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return cells.map(([row, expert]) => {
        const x = (40 + (expert + 0.5) * wide) * ratio, y = (16 + (row + 0.5) * rowHeight) * ratio;
        const at = 4 * (Math.round(y) * width + Math.round(x));
        return [...data.slice(at, at + 3)];
    });
}"""


def marks(page: Any, cells: list[tuple[int, int]], experts: int = 512, row_height: int = 26) -> list[bool]:
    """Whether cells (row, expert) are yellow to white, as the experts of the token are drawn."""
    canvas = page.locator(".fm-map canvas").element_handle()
    colours = page.evaluate(_PIXELS, [canvas, cells, experts, row_height])
    return [red > 240 and green > 220 for red, green, _ in colours]


def cell(page: Any, row: int, expert: int, experts: int = 512, row_height: int = 26) -> dict[str, float]:
    """Where a cell lies on the canvas, for the pointer."""
    width = page.locator(".fm-map canvas").bounding_box()["width"]
    return {"x": 40 + (expert + 0.5) * (width - 40) / experts, "y": 16 + (row + 0.5) * row_height}


def text(page: Any, name: str) -> str:
    return page.locator(f'[data-name="{name}"]').inner_text()


def press(page: Any, name: str) -> None:
    page.locator(f'button[data-name="{name}"]').click()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_saved_trace_is_drawn(notebook: Callable[..., Any], screenshots: Path, theme: str):
    opened = notebook([SAVED], run=False)
    opened.theme(theme)
    opened.run_all()
    opened.wait_for_status(tokens=160, painted=159)
    page = opened.page
    chosen = opened.ask("trace.routed_experts[159].tolist()")
    assert all(marks(page, [(row, expert) for row, ids in enumerate(chosen) for expert in ids]))
    others = [expert for expert in range(2, 510) if not set(range(expert - 2, expert + 3)) & set(chosen[0])]
    assert not any(marks(page, [(0, expert) for expert in others]))
    for mode in ("counts", "recency", "source", "now"):
        press(page, mode)
        page.locator(".fm-root").screenshot(path=screenshots / f"router_view_{mode}_{theme}.png")


def test_controls_of_a_saved_trace(notebook: Callable[..., Any], screenshots: Path):
    opened = notebook([SAVED])
    page = opened.page
    opened.wait_for_status(painted=159)
    canvas = page.locator(".fm-map canvas")
    expert = opened.ask("int(trace.routed_experts[159, 3, 0])")
    canvas.hover(position=cell(page, 3, expert))
    tip = page.locator(".fm-tip").inner_text()
    times = opened.ask(f"int(trace.logical_count[3, {expert}])")
    assert tip.startswith(f"layer 3, expert {expert}\nrank 1 of 10, weight ")
    assert f"chosen {times} times, last for this token" in tip
    assert "last read in" in tip

    canvas.click(position=cell(page, 3, expert))
    opened.wait_for(f"(view.layer, view.expert) == (3, {expert})")
    kept = opened.ask("float(trace.column('kept_mass')[159, 3])")
    assert f"kept mass {kept * 100:.1f} %" in text(page, "layer_says")
    ranks = page.locator(".fm-rank")
    assert ranks.evaluate_all("all => all.map(one => Number(one.dataset.expert))") == opened.ask(
        "trace.routed_experts[159, 3].tolist()"
    )
    ranks.nth(4).click()
    opened.wait_for("view.expert == int(trace.routed_experts[159, 3, 4])")
    press(page, "all_probabilities")
    page.wait_for_function("() => document.querySelector('[data-name=layer_note]').textContent.includes('chosen')")
    page.locator(".fm-root").screenshot(path=screenshots / "router_view_layer.png")

    page.locator('[data-name="scrub"]').fill("57")
    opened.wait_for("(view.token, view.following) == (57, False)")
    assert text(page, "says").startswith("token 57 ")
    assert all(marks(page, [(0, expert) for expert in opened.ask("trace.routed_experts[57, 0].tolist()")]))
    page.keyboard.press("Escape")
    opened.wait_for("(view.token, view.layer, view.expert, view.following) == (-1, -1, -1, True)")


def test_the_keyboard_and_zoom(notebook: Callable[..., Any]):
    opened = notebook([SAVED])
    page = opened.page
    opened.wait_for_status(painted=159)
    page.locator(".fm-root").focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    opened.wait_for("(view.token, view.layer, view.following) == (158, 1, False)")
    page.keyboard.press("ArrowUp")
    opened.wait_for("view.layer == 0")
    expert = opened.ask("int(trace.routed_experts[158, 0, 0])")
    opened.ask(f"setattr(view, 'expert', {expert})")
    page.wait_for_function(
        f"() => document.querySelector('.fm-rank[aria-pressed=true]')?.dataset.expert === '{expert}'"
    )
    press(page, "zoom_in")
    press(page, "zoom_in")
    start = max(0, min(512 - 128, expert - 64))
    canvas = page.locator(".fm-map canvas")
    canvas.hover(position=cell(page, 0, 64, experts=128))
    assert abs(int(page.locator(".fm-tip").inner_text().split("expert ")[1].split()[0]) - (start + 64)) < 64
    press(page, "zoom_out")
    press(page, "zoom_all")
    page.wait_for_selector('button[data-name="zoom_all"]:disabled')
    # A brush from cell to cell shows what it covers, one along the labels those layers.
    drag(page, cell(page, 2, 100), cell(page, 4, 163))
    canvas.hover(position={"x": 42, "y": 20})
    assert page.locator(".fm-tip").inner_text().startswith("layer 2, expert 100\n")
    canvas.dblclick(position={"x": 200, "y": 20})
    drag(page, {"x": 10, "y": 16 + 26 * 5.5}, {"x": 10, "y": 16 + 26 * 6.5})
    canvas.hover(position={"x": 42, "y": 20})
    assert page.locator(".fm-tip").inner_text().startswith("layer 5, expert ")


def drag(page: Any, start: dict[str, float], end: dict[str, float]) -> None:
    box = page.locator(".fm-map canvas").bounding_box()
    page.mouse.move(box["x"] + start["x"], box["y"] + start["y"])
    page.mouse.down()
    page.mouse.move(box["x"] + (start["x"] + end["x"]) / 2, box["y"] + end["y"], steps=3)
    page.mouse.move(box["x"] + end["x"], box["y"] + end["y"])
    page.mouse.up()


def test_a_session_is_drawn_as_it_decodes(notebook: Callable[..., Any], screenshots: Path):
    opened = notebook([LIVE])
    page = opened.page
    page.locator(".fm-root").wait_for()
    opened.ask("player.resume()")
    opened.wait_for("player.state == 'done'")
    tokens = opened.ask("len(view.trace)")
    status = opened.wait_for_status(tokens=tokens, painted=tokens - 1, shown=tokens - 1)
    assert int(status["frames"]) > 2
    opened.ask("setattr(view, 'layer', 3)")
    page.locator('button[data-name="all_probabilities"]').click()
    page.wait_for_selector(f'.fm-probabilities[data-token="{tokens - 1}"]')
    chosen = opened.ask("view.trace.routed_experts[-1, 3].tolist()")
    probabilities = opened.ask(f"view.routers.tape.probabilities({tokens - 1}, 3).tolist()")
    assert sorted(sorted(range(512), key=probabilities.__getitem__)[-10:]) == sorted(chosen)
    press(page, "residency")
    opened.wait_for("view.mode == 'residency' and view.cache.sweeper is not None")
    page.wait_for_function("() => document.querySelector('.fm-legend').textContent.includes('wholly')")
    page.locator(".fm-root").screenshot(path=screenshots / "router_view_live.png")
    press(page, "now")
    opened.wait_for("view.cache.sweeper is None")
