// All layers x all experts on one canvas: controls, map, and the layer that is selected.

import { themeOf } from "./colours";
import { button, choice, make, setText } from "./dom";
import { count, visible } from "./format";
import { widget } from "./mount";
import { DECODE } from "./reads";
import { makeRouterLayer } from "./router_layer";
import { RouterMap } from "./router_map";
import { MODES, type ModeName, type Scene } from "./router_modes";
import { describe } from "./router_tip";
import styles from "./router_view.css";
import type { RunStore } from "./store";
import type { Send } from "./transport";
import { chosenAgain, Usage } from "./usage";
import type { MakeView, View } from "./view";
import { brushed, type Cell, everything, isEverything, type Window, zoomed } from "./zoom";

const SETTLE_MS = 220;
/** While tokens come in; words are read more slowly than pictures are seen, and laying them out costs more. */
const SAY_EVERY_MS = 120;
const DRAG_PX = 5;

export const makeRouterView: MakeView = (el, store, send) => new Router(el, store, send);

class Router implements View {
  private mode: ModeName = "now";
  private window: Window | null = null;
  private run = "";
  private readonly usage = new Usage();
  private readonly map: RouterMap;
  private readonly layer: View;
  private readonly modes;
  private readonly scrub = make("input", "fm-grow", {
    type: "range",
    min: "0",
    "aria-label": "token",
    "data-name": "scrub",
  });
  private readonly follow: HTMLButtonElement;
  private readonly all: HTMLButtonElement;
  private readonly says = make("div", "fm-says", { "data-name": "says" });
  private readonly legend = make("div", "fm-legend");
  private readonly tip = make("div", "fm-tip", { hidden: "" });
  private readonly end: () => void;
  private came = { token: -1, at: 0 };
  private saidAt = Number.NEGATIVE_INFINITY;

  constructor(
    el: HTMLElement,
    private readonly store: RunStore,
    private readonly send: Send,
  ) {
    const place = make("div", "fm-map");
    this.modes = choice(
      "colour",
      Object.entries(MODES).map(([name, { text, title }]) => [name, text, title] as const),
      (name) => this.choose(name as ModeName),
    );
    this.follow = button("follow", "Follow", "Show each new token as it comes", () =>
      store.select({ following: !store.selection.following, token: store.shownToken }),
    );
    this.all = button("zoom_all", "All", "All layers and experts", () => this.look(null));
    this.scrub.addEventListener("input", () => store.select({ token: this.scrub.valueAsNumber, following: false }));
    const zoom = make(
      "span",
      "fm-group",
      { role: "group", "aria-label": "zoom" },
      this.zoom("zoom_out", "−", 2),
      this.zoom("zoom_in", "+", 0.5),
      this.all,
    );
    el.append(make("style", "", {}, styles), make("div", "fm-row", {}, this.modes.el, zoom), place, this.legend);
    el.append(make("div", "fm-row", {}, this.follow, this.scrub), this.says);
    this.map = new RouterMap(place);
    place.append(this.tip);
    this.layer = makeRouterLayer(el, store, send);
    this.end = store.onPart("mode", (part) => this.choose(part.mode as ModeName, { tell: false }));
    this.listen();
  }

  draw(now_ms: number): boolean {
    const { store } = this;
    const facts = store.facts!;
    if (store.place!.run !== this.run) [this.run, this.window] = [store.place!.run, null];
    this.window ??= everything(facts.num_experts, facts.sparse_layers.length);
    const token = store.shownToken;
    this.usage.upTo(store, token);
    const settled = this.settled(token, now_ms);
    const scene: Scene = { store, usage: this.usage, token, settled, theme: themeOf(this.says) };
    this.map.draw(scene, this.mode, this.window);
    if (settled === 1 || now_ms - this.saidAt > SAY_EVERY_MS) {
      this.saidAt = now_ms;
      this.controls(scene);
    }
    this.layer.draw(now_ms);
    return settled < 1;
  }

  destroy(): void {
    this.end();
    this.layer.destroy();
  }

  /** How far the glow of the tokens before has gone since this one came in live; 1 for one that was chosen. */
  private settled(token: number, now_ms: number): number {
    if (token !== this.came.token) {
      const live = this.store.selection.following && !this.store.place!.complete;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.came = { token, at: live && !still ? now_ms : Number.NEGATIVE_INFINITY };
    }
    return Math.min(1, (now_ms - this.came.at) / SETTLE_MS);
  }

  private controls(scene: Scene): void {
    const { store, scrub, follow, all, window } = this;
    const { num_experts, sparse_layers } = store.facts!;
    scrub.max = String(Math.max(0, store.tokens - 1));
    if (scrub.valueAsNumber !== scene.token) scrub.value = String(scene.token);
    scrub.setAttribute("aria-valuetext", `token ${scene.token}: ${store.text(scene.token)}`);
    follow.setAttribute("aria-pressed", String(store.selection.following));
    all.disabled = isEverything(window!, num_experts, sparse_layers.length);
    this.modes.show(this.mode);
    setText(this.says, this.sentence(scene));
    this.showLegend(scene);
  }

  private showLegend(scene: Scene): void {
    const entries = MODES[this.mode].legend(scene);
    const key = JSON.stringify(entries);
    if (this.legend.dataset.key === key) return;
    this.legend.dataset.key = key;
    const swatch = (colour: string) =>
      make("i", "fm-swatch", { style: `background:${colour === "mark" ? "#fde725" : colour}` });
    this.legend.replaceChildren(...entries.map(([colour, text]) => make("span", "", {}, swatch(colour), text)));
  }

  /** The picture in words. */
  private sentence({ token }: Scene): string {
    const { store } = this;
    const { sparse_layers, num_experts, top_k } = store.facts!;
    if (token < 0) return "no token yet";
    const phase = store.column("phase").at(token) === DECODE ? "output" : "prompt";
    const head = `token ${count(token)} "${visible(store.text(token))}" (${phase})`;
    if (!store.column("expert_ids").has(token)) return `${head}: its routing is older than what is kept here`;
    const choice = `${head}: ${top_k} of ${num_experts} experts in each of ${sparse_layers.length} layers`;
    const known = chosenAgain(store, token);
    return known ? `${choice}; ${known.again} of ${known.chosen} as for the token before` : choice;
  }

  private choose(mode: ModeName, { tell = true } = {}): void {
    this.mode = mode;
    if (tell) this.send("mode", { mode });
    this.store.changed();
  }

  private zoom(name: string, text: string, factor: number): HTMLButtonElement {
    const title = factor < 1 ? "Fewer experts, wider" : "More experts, narrower";
    return button(name, text, title, () => {
      const { start, end } = this.window!.experts;
      const { expert } = this.store.selection;
      const about = expert >= start && expert < end ? expert : (start + end) / 2;
      this.look(zoomed(this.window!, factor, about, this.store.facts!.num_experts));
    });
  }

  private look(window: Window | null): void {
    this.window = window;
    this.store.changed();
  }

  private listen(): void {
    const { canvas } = this.map.sheet;
    const cell = (event: PointerEvent | MouseEvent | WheelEvent) => this.map.cellAt(event.offsetX, event.offsetY);
    let down: { x: number; y: number; cell: Cell } | null = null;
    canvas.addEventListener("pointerdown", (event) => {
      const at = cell(event);
      down = at && { x: event.offsetX, y: event.offsetY, cell: at };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const at = cell(event);
      if (down && at && Math.hypot(event.offsetX - down.x, event.offsetY - down.y) > DRAG_PX) {
        const layersOnly = down.cell.expert < 0;
        this.map.brush = {
          from: down.cell,
          to: layersOnly ? at : { ...at, expert: Math.max(0, at.expert) },
          layersOnly,
        };
        this.store.changed();
      }
      this.hover(at, event);
    });
    canvas.addEventListener("pointerup", (event) => {
      const brush = this.map.brush;
      const at = cell(event);
      this.map.brush = null;
      if (brush) this.look(brushed(this.window!, brush.from, brush.to, brush));
      else if (down && at) this.click(at);
      down = null;
    });
    canvas.addEventListener("pointerleave", () => this.hover(null, null));
    canvas.addEventListener("dblclick", () => this.look(null));
    canvas.addEventListener("wheel", (event) => {
      const at = cell(event);
      if (!at || at.expert < 0 || !(event.ctrlKey || event.shiftKey)) return; // the page scrolls otherwise
      event.preventDefault();
      const factor = (event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8;
      this.look(zoomed(this.window!, factor, at.expert, this.store.facts!.num_experts));
    });
  }

  private click({ row, expert }: Cell): void {
    const { selection, facts } = this.store;
    const layer = facts!.sparse_layers[row];
    const again = selection.layer === layer && (expert < 0 || selection.expert === expert);
    this.store.select(again ? { layer: -1, expert: -1 } : { layer, expert });
  }

  private hover(at: Cell | null, event: PointerEvent | null): void {
    this.tip.hidden = at === null || this.map.brush !== null || this.store.facts === null;
    if (!at || !event || this.tip.hidden) return;
    setText(this.tip, describe(this.store, this.usage, this.store.shownToken, at));
    const right = event.offsetX > this.map.sheet.width - 260;
    this.tip.style.left = right ? "" : `${event.offsetX + 14}px`;
    this.tip.style.right = right ? `${this.map.sheet.width - event.offsetX + 14}px` : "";
    this.tip.style.top = `${event.offsetY + 14}px`;
  }
}

export default widget({
  name: "RouterView",
  hint: "RouterView(session), or view.attach(fm.load_trace(path))",
  make: makeRouterView,
});
