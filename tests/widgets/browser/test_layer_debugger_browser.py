"""LayerDebugger in JupyterLab: every control clicked, and what it did looked up in the kernel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

OPEN = """
import flashmoe_nb as fm
from flashmoe_nb.widgets import LayerDebugger
engine = fm.open()
view = LayerDebugger(engine.session(), "Once upon a time there was a model")
view
"""
WHERE = "(lambda w: w and (w.token, w.layer, str(w.stage)))(view.debugger.where)"


_SLIDE = "(el, value) => { el.value = value; el.dispatchEvent(new Event('change', {bubbles: true})); }"


class Panel:
    """The widget's controls by their names."""

    def __init__(self, opened: Any) -> None:
        self.opened, self.page = opened, opened.page
        self.root = opened.page.locator(".fm-debugger")
        self.named("place").wait_for()

    def named(self, name: str) -> Any:
        return self.root.locator(f'[data-name="{name}"]')

    def click(self, name: str) -> None:
        """Click, and wait until the report of it is drawn."""
        self._after(lambda: self.named(name).click())

    def press(self, key: str) -> None:
        self._after(lambda: self.page.keyboard.press(key))

    def choose(self, name: str, value: str) -> None:
        self._after(lambda: self.named(name).select_option(value))

    def scroll(self, name: str, value: int) -> None:
        """Move a slider and let go of it."""
        self._after(lambda: self.named(name).evaluate(_SLIDE, value))

    def number(self) -> int:
        return int(self.named("place").get_attribute("data-number"))

    def where(self) -> Any:
        return self.opened.ask(WHERE)

    def text(self, name: str) -> str:
        return self.named(name).inner_text()

    def _after(self, do: Callable[[], object]) -> None:
        before = self.number()
        do()
        self.page.wait_for_function(
            "([el, n]) => Number(el.dataset.number) > n", arg=[self.named("place").element_handle(), before]
        )


@pytest.fixture
def panel(notebook: Callable[..., Any]) -> Panel:
    return Panel(notebook([OPEN]))


def test_every_step_button_moves_the_debugger(panel: Panel):
    for name, expected in [
        ("step", (0, None, "embed")),
        ("layer", (0, 0, "input_norm")),
        ("step", (0, 0, "project")),
        ("back", (0, 0, "input_norm")),
        ("layer", (0, 1, "input_norm")),
        ("back_layer", (0, 0, "input_norm")),
        ("stage-router", (0, 0, "router")),
        ("stage-mixer", (0, 0, "mixer")),
        ("layer-3", (0, 3, "input_norm")),
        ("token", (1, None, "embed")),
        ("run", None),
    ]:
        panel.click(name)
        assert panel.where() == expected, name
    assert "all tokens are whole" in panel.text("place")
    given = panel.opened.ask("len(view.debugger.token_ids)")
    panel.click("grow")
    assert panel.opened.ask("len(view.debugger.token_ids)") == given + 1
    panel.named("prompt").fill("def f(x):")
    panel.click("start")
    assert panel.opened.ask('list(view.debugger.token_ids) == engine.encode("def f(x):")')
    panel.named("halt").click()  # nothing runs: nothing happens
    panel.click("step")
    assert panel.root.locator("[aria-current]").get_attribute("data-name") == "stage-embed"


def test_keys_step_as_the_buttons_do(panel: Panel):
    panel.click("step")
    for key, expected in [
        ("ArrowDown", (0, 0, "input_norm")),
        ("s", (0, 0, "project")),
        ("b", (0, 0, "input_norm")),
        ("ArrowDown", (0, 1, "input_norm")),
        ("ArrowUp", (0, 0, "input_norm")),
        ("ArrowRight", (1, None, "embed")),
        ("ArrowLeft", (0, None, "logits")),
        ("r", None),
    ]:
        panel.press(key)
        assert panel.where() == expected, key


def test_breakpoints_are_added_listed_and_cleared(panel: Panel):
    panel.named("break-token").fill("2")
    panel.named("break-layer").fill("1")
    panel.named("break-stage").select_option("mixer")
    panel.click("break")
    assert panel.opened.ask("[str(one) for one in view.debugger.breakpoints]") == ["1: token 2, layer 1, stage mixer"]
    assert "token 2, layer 1, stage mixer" in panel.text("breakpoints")
    panel.click("run")
    assert panel.where() == (2, 1, "mixer")
    panel.click("clear-1")
    assert panel.opened.ask("view.debugger.breakpoints") == []
    panel.named("break-token").fill("")
    panel.named("break-measure").select_option("rms")
    panel.named("break-above").fill("0")
    panel.click("break")
    panel.click("run")
    assert panel.where() == (3, 1, "mixer")
    panel.named("break-expert").fill("700")
    panel.click("break")
    assert "expert 700 does not exist" in panel.text("debugger-error")
    panel.click("clear")
    assert panel.opened.ask("view.debugger.breakpoints") == []
    assert "no breakpoints" in panel.text("breakpoints")


def test_values_are_inspected_and_changed(panel: Panel):
    panel.click("layer-2")
    panel.click("stage-resid_mid")
    panel.choose("value", "mixer")
    assert panel.opened.ask("view.panel.desk.wanted.name") == "mixer"
    assert panel.text("value-facts").startswith("mixer · [1, ")
    assert panel.root.locator('[aria-label^="slice"]').evaluate(PAINTED) > 100
    assert panel.root.locator('[aria-label^="histogram"]').evaluate(PAINTED) > 100
    rms = float(panel.opened.ask("float((view.debugger.values['mixer'] ** 2).mean() ** 0.5)"))
    panel.named("factor").fill("4")
    panel.click("edit-scale")
    assert panel.opened.ask("float((view.debugger.values['mixer'] ** 2).mean() ** 0.5)") == pytest.approx(
        4 * rms, rel=1e-4
    )
    in_order = panel.opened.ask("view.debugger.values['mixer'].flatten().tolist()")
    panel.click("edit-shuffle")
    shuffled = panel.opened.ask("view.debugger.values['mixer'].flatten().tolist()")
    assert shuffled != in_order
    assert sorted(shuffled) == sorted(in_order)
    assert panel.opened.ask("float((view.debugger.values['mixer'] ** 2).mean() ** 0.5)") == pytest.approx(
        4 * rms, rel=1e-4
    )
    panel.click("edit-zero")
    assert panel.opened.ask("bool(view.debugger.values['mixer'].any())") is False
    panel.click("stage-combine")
    assert panel.named("stage-mixer").get_attribute("data-changed") is not None
    panel.choose("value", "")
    panel.click("stage-expert_read")
    reads = panel.opened.ask("[read.expert for read in view.debugger.event.value]")
    shown = panel.named("reads").locator("td:first-child").all_inner_texts()
    assert [int(text) for text in shown] == reads


def test_a_tall_value_is_scrolled(panel: Panel):
    panel.click("layer-0")
    panel.click("stage-router")
    assert panel.named("rows").is_hidden()
    panel.choose("value", "router.logits")
    assert "one vector" in panel.root.inner_text()
    assert panel.named("rows").is_hidden(), "all of it is in the picture"
    panel.click("token")
    panel.click("back")
    panel.choose("value", "logits")
    picture = panel.root.locator('[aria-label^="slice"]')
    before = picture.evaluate("canvas => canvas.toDataURL()")
    panel.scroll("rows", 9)
    assert panel.opened.ask("view.panel.desk.wanted.first_row") == 9
    assert panel.opened.ask("view.state['debugger']['facts']['value']['first_row']") == 9
    assert picture.evaluate("canvas => canvas.toDataURL()") != before


PAINTED = """canvas => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let painted = 0;
    for (let at = 3; at < data.length; at += 4) painted += data[at] > 0;
    return painted;
}"""
CHOSEN = "view.debugger.values['router.expert_ids'][0].tolist()"


def test_the_router_is_edited_and_the_difference_shown(panel: Panel):
    panel.click("layer-4")
    panel.click("stage-router")
    chosen = panel.opened.ask(CHOSEN)
    panel.click("compare")
    assert "changed by 0.0 %" in panel.text("difference-says")
    panel.click(f"ban-{chosen[0]}")
    assert panel.opened.ask("view.debugger.patches.banned") == {4: {chosen[0]}}
    assert chosen[0] not in panel.opened.ask(CHOSEN)
    assert "changed by 0.0 %" not in panel.text("difference-says")
    panel.click(f"unban-{chosen[0]}")
    assert panel.opened.ask(CHOSEN) == chosen
    other = next(expert for expert in range(512) if expert not in chosen)
    panel.named("experts").fill(f"{other}, {other + 1}")
    panel.click("force")
    assert panel.opened.ask("view.debugger.patches.forced") == {4: (other, other + 1)}
    assert other in panel.opened.ask(CHOSEN)
    panel.named("k").fill("3")
    panel.click("set-k")
    assert len(panel.opened.ask(CHOSEN)) == 3
    panel.named("experts").fill(f"{chosen[1]}")
    panel.click("ban")
    assert "top_k 3 in layer 4" in panel.text("changes")
    panel.click("undo-layer")
    assert panel.opened.ask("bool(view.debugger.patches)") is False
    panel.click(f"ban-{chosen[0]}")
    panel.click("undo-all")
    assert panel.opened.ask(CHOSEN) == chosen
    panel.click("lens")
    lens = panel.opened.ask("view.state['debugger']['facts']['lens']['tokens'][0]['share']")
    assert f"{lens * 100:.1f} %" in panel.text("lens-table")
    panel.click("compare")
    panel.click("lens")
    assert panel.opened.ask("(view.panel.desk.wanted.lens, view.panel.desk.wanted.comparing)") == (False, False)


def test_a_reload_and_a_page_without_network_show_the_place_again(
    panel: Panel, tmp_path: Path, alone: Callable[..., Any]
):
    panel.click("layer-1")
    panel.click("stage-router")
    panel.opened.ask(f"str(view.to_html({str(tmp_path / 'page.html')!r}))")
    place = panel.text("place")
    panel.opened.save()
    panel.opened.reload()
    again = Panel(panel.opened)
    assert again.text("place") == place
    again.click("step")
    assert again.where() == (0, 1, "expert_read")
    page = alone(tmp_path / "page.html")
    assert page.locator('[data-name="place"]').inner_text() == place
    assert page.locator('[aria-label^="probability"]').evaluate(PAINTED) > 1000
    assert page.locator('[data-name="step"]').is_disabled()


TOO_WIDE = """root => {
    const right = root.getBoundingClientRect().right + 1;
    const beyond = el => el.getBoundingClientRect().right > right && !el.parentElement.closest(".fm-pane");
    return [...root.querySelectorAll("*")].filter(beyond).map(el => el.outerHTML.slice(0, 80));
}"""


def test_a_run_shows_that_it_runs_and_is_halted(panel: Panel):
    panel.opened.ask("view.attach(engine, prompt=[1] * 3000) and None")
    panel.opened.ask("view.debugger.break_at(when=lambda event: False) and None")  # every stage is asked: a slow run
    before = panel.number()
    panel.named("run").click()
    panel.opened.wait_for("view.debugger.session.position > 5")
    assert panel.text("doing").startswith("run")
    assert panel.number() == before  # not done yet, and the kernel answers
    panel.named("step").click()  # waits for the run
    panel.named("halt").click()  # ends the run, and takes the step back
    panel.opened.wait_for("view.panel.errands.ahead == 0")
    assert 5 <= panel.opened.ask("view.debugger.session.position") < 2999
    assert panel.text("doing") == ""
    halted = panel.where()
    assert halted is not None
    panel.click("step")  # it stands in the middle, and goes on from there
    assert panel.where() not in (halted, None)


def test_a_kernel_that_is_gone_leaves_a_readable_panel(panel: Panel):
    panel.click("layer-1")
    place = panel.text("place")
    panel.opened.restart_kernel()
    panel.page.wait_for_function("el => el.disabled", arg=panel.named("step").element_handle())
    assert panel.text("place") == place


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_looks_right(notebook: Callable[..., Any], screenshots: Path, theme: str):
    opened = notebook([OPEN], run=False)
    opened.theme(theme)
    opened.run_all()
    panel = Panel(opened)
    for name in ("token", "token", "layer-3", "stage-router", "lens", "compare"):
        panel.click(name)
    panel.click(f"ban-{opened.ask(CHOSEN)[0]}")
    panel.named("break-layer").fill("5")
    panel.click("break")
    panel.click("stage-combine")
    panel.page.wait_for_timeout(300)
    opened.page.locator(".fm-root").screenshot(path=screenshots / f"layer_debugger_{theme}.png")
    for width in (640, 1900):
        opened.page.set_viewport_size({"width": width + 60, "height": 2600})
        panel.page.wait_for_timeout(400)
        assert panel.root.evaluate(TOO_WIDE) == [], width
        opened.page.locator(".fm-root").screenshot(path=screenshots / f"layer_debugger_{theme}_{width}.png")
