"""Dashboard in JupyterLab: one click shows a living picture, every panel follows the token, a trace replays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flashmoe_nb.observe import load_trace
from flashmoe_nb.widgets.dashboard import dashboard
from tests.widgets.browser.pixels import picture

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
TRACE = ROOT / "data" / "traces" / "code.safetensors"

LIVE = """
import flashmoe_nb as fm
engine = fm.open()
board = fm.dashboard(engine)
board
"""
SAVED = f"""
import flashmoe_nb as fm
trace = fm.load_trace({str(TRACE)!r})[:160]
board = fm.dashboard(trace)
board
"""


class Board:
    """The widget's panels and controls by their names."""

    def __init__(self, opened: Any) -> None:
        self.opened = opened
        self.page = opened.page
        self.panel("tokens").wait_for()

    def panel(self, name: str) -> Any:
        return self.page.locator(f'[data-panel="{name}"]')

    def named(self, panel: str, name: str) -> Any:
        return self.panel(panel).locator(f'[data-name="{name}"]')

    def says(self, panel: str, text: str, name: str = "says") -> None:
        """Wait until a panel's sentence holds a text."""
        self.named(panel, name).filter(has_text=text).first.wait_for()

    def press(self, panel: str, name: str) -> None:
        self.named(panel, name).click()

    def state(self, wanted: str) -> None:
        self.panel("play").locator(f'[data-name="state"][data-state="{wanted}"]').wait_for()
        self.opened.wait_for(f"board.player.state == {wanted!r}")

    def n_tokens(self) -> int:
        return int(self.opened.ask("len(board.player.tokens)"))

    def drawings(self) -> dict[str, str]:
        """Pixels of the canvases that are open."""
        panels = {"router": ".fm-map canvas", "reads": ".fm-canvas >> nth=1"}
        return {name: picture(self.panel(name).locator(canvas)) for name, canvas in panels.items()}

    def shows_token(self, token: int) -> None:
        """All panels are at this token."""
        self.opened.wait_for_status(shown=token)
        self.says("tokens", f"Token {token} ")
        self.says("router", f"token {token} ")
        self.says("reads", f"Token {token} ")
        self.page.locator('[data-name="link_tokens"]').filter(has_text=f"{token} “").wait_for()
        assert self.panel("tokens").locator('[aria-selected="true"]').get_attribute("data-token") == str(token)


@pytest.fixture
def live(notebook: Callable[..., Any]) -> Board:
    return Board(notebook([LIVE]))


def test_one_click_on_play_shows_a_living_picture(live: Board, screenshots: Path):
    before = live.drawings()
    live.press("play", "play")
    live.opened.wait_for("len(board.trace) > 20")
    live.page.screenshot(path=screenshots / "dashboard_playing.png")
    between = live.drawings()
    assert all(between[name] != before[name] for name in before)
    live.opened.wait_for("len(board.trace) > 35")
    after = live.drawings()
    assert all(after[name] != between[name] for name in before), "it lives"
    live.press("play", "pause")
    live.state("paused")
    n_tokens = live.n_tokens()
    tokens = live.opened.ask("len(board.trace)")
    live.opened.wait_for_status(tokens=tokens, painted=tokens - 1, shown=tokens - 1)
    still = live.drawings()
    live.page.wait_for_timeout(400)
    assert live.n_tokens() == n_tokens
    assert live.drawings() == still

    live.press("play", "step")
    live.opened.wait_for(f"len(board.player.tokens) == {n_tokens + 1}")
    live.state("paused")
    assert live.drawings() != still
    live.press("play", "play")  # now it resumes
    live.opened.wait_for(f"len(board.player.tokens) > {n_tokens + 3}")
    live.press("play", "stop")
    live.state("stopped")
    live.opened.wait_for_status(painted=live.opened.ask("len(board.trace)") - 1)


def test_a_prompt_a_speed_and_the_space_bar(live: Board):
    live.named("play", "prompt").fill("Once upon a time")
    live.named("play", "max-tokens").fill("400")
    live.named("play", "speed").fill("25")
    live.named("play", "prompt").press("Control+Enter")
    live.opened.wait_for("board.player is not None and len(board.player.tokens) > 3")
    assert live.opened.ask("board.player.tokens_per_s") == 25
    assert live.opened.ask("board.trace[:len(engine.encode('Once upon a time'))].text") == "Once upon a time"
    live.page.locator(".fm-root").focus()
    live.page.keyboard.press("Space")
    live.state("paused")
    live.page.keyboard.press("Space")
    live.state("playing")
    live.press("play", "stop")
    live.state("stopped")


def test_a_token_drives_every_panel(live: Board, screenshots: Path):
    live.named("play", "max-tokens").fill("40")
    live.named("play", "speed").fill("")
    live.press("play", "play")
    live.state("done")
    last = live.opened.ask("len(board.trace)") - 1
    live.shows_token(last)
    newest = live.drawings()
    live.panel("tokens").locator('[data-token="20"]').click()
    live.opened.wait_for("(board.token, board.following) == (20, False)")
    live.shows_token(20)
    assert all(drawing != newest[name] for name, drawing in live.drawings().items())

    live.panel("router").locator(".fm-map canvas").click(position={"x": 200, "y": 16 + 26 * 3 + 8})
    live.opened.wait_for("board.layer == 3")
    live.named("router", "all_probabilities").click()
    live.panel("router").locator('.fm-probabilities[data-token="20"]').wait_for()
    live.page.locator('[data-name="link_cache"]').click()
    live.says("cache", "Layer 3: ", "detail")
    live.press("cache", "warm_layer")
    live.opened.wait_for("float(engine.residency_map()[3].min()) == 1.0")
    live.press("router", "residency")
    live.opened.wait_for("board.state['mode']['mode'] == 'residency'")
    live.press("cache", "panel_cache")
    assert live.panel("cache").locator("canvas").first.is_hidden()
    live.press("router", "now")
    live.press("sizes", "panel_sizes")
    live.opened.wait_for("board.replays.sizes is not None")
    live.panel("sizes").locator("tr[data-policy=belady]").wait_for()
    live.press("tokens", "follow")
    live.shows_token(last)
    live.page.keyboard.press("Escape")
    live.opened.wait_for("(board.token, board.layer) == (-1, -1)")


@pytest.mark.parametrize("width", [700, 1200, 1900])
def test_it_fits_from_narrow_to_wide(notebook: Callable[..., Any], page: Any, screenshots: Path, width: int):
    board = Board(notebook([SAVED]))
    page.set_viewport_size({"width": width + 360, "height": 2600})
    board.press("cache", "panel_cache")
    board.press("sizes", "panel_sizes")
    board.panel("tokens").locator('[data-token="57"]').click()
    board.shows_token(57)
    root = page.locator(".fm-root")
    assert root.evaluate("el => el.scrollWidth <= el.clientWidth")
    boxes = [board.panel(name).bounding_box() for name in ("router", "reads")]
    assert (boxes[0]["y"] == boxes[1]["y"]) == (width > 1000), "side by side where there is room"
    for theme in ("light", "dark"):
        board.opened.theme(theme)
        root.screenshot(path=screenshots / f"dashboard_{width}_{theme}.png")


def test_a_recorded_run_is_replayed(notebook: Callable[..., Any]):
    board = Board(notebook([SAVED]))
    page = board.page
    assert board.named("play", "play").is_hidden()
    board.shows_token(159)
    board.press("play", "replay_start")
    board.shows_token(0)
    board.press("play", "replay_step")
    board.press("play", "replay_step")
    board.shows_token(2)
    board.press("play", "replay_back")
    board.opened.wait_for("(board.token, board.following) == (1, False)")
    board.named("play", "replay_speed").fill("200")
    board.press("play", "replay_play")
    board.shows_token(159)
    board.named("play", "replay_play").filter(has_text="replay").wait_for()
    board.named("play", "replay_speed").fill("2")
    page.locator(".fm-root").focus()
    page.keyboard.press("Space")  # from the start again
    board.named("play", "replay_play").filter(has_text="pause").wait_for()
    page.wait_for_function("() => Number(document.querySelector('.fm-status').dataset.shown) < 20")
    board.press("play", "replay_play")
    board.named("play", "replay_play").filter(has_text="replay").wait_for()


def test_a_reload_restores_it(live: Board):
    live.named("play", "max-tokens").fill("30")
    live.named("play", "speed").fill("")
    live.press("play", "play")
    live.state("done")
    live.press("router", "counts")
    live.panel("tokens").locator('[data-token="12"]').click()
    live.opened.wait_for("board.token == 12 and board.state['mode']['mode'] == 'counts'")
    live.opened.save()
    live.opened.reload()
    live.shows_token(12)
    assert live.named("router", "counts").get_attribute("aria-checked") == "true"
    assert live.named("play", "prompt").input_value() == live.opened.ask("board.prompt")
    live.press("play", "play")
    live.opened.wait_for("board.player.state == 'done' and int(board.trace.column('turn').max()) >= 1")


@pytest.mark.parametrize("width", [600, 2000])
def test_a_page_stands_alone_and_replays(alone: Callable[..., Any], tmp_path: Path, screenshots: Path, width: int):
    path = dashboard(load_trace(TRACE)[:120]).to_html(tmp_path / "page.html")
    page = alone(path, viewport={"width": width, "height": 1500}, color_scheme="dark")
    page.wait_for_selector('.fm-status[data-painted="119"]')
    canvas = page.locator(".fm-map canvas")
    before = picture(canvas)
    page.locator('[data-name="replay_start"]').click()
    page.wait_for_selector('.fm-status[data-shown="0"]')
    assert picture(canvas) != before
    page.locator('[data-name="replay_speed"]').fill("100")
    page.locator('[data-name="replay_play"]').click()
    page.wait_for_selector('.fm-status[data-shown="119"]')
    page.locator('[data-name="panel_cache"]').click()
    page.locator('[data-panel="cache"] canvas').first.wait_for()
    page.screenshot(path=screenshots / f"dashboard_page_{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
