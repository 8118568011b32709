// All views over one run, linked by its selection: prompt and buttons, tokens, routers, reads, page cache, cache sizes.

import { makeCacheSim } from "./cache_sim";
import css from "./dashboard.css";
import { makeChain } from "./dashboard_chain";
import { makePlayback } from "./dashboard_playback";
import { make, setText } from "./dom";
import { widget } from "./mount";
import { makePageCacheView } from "./page_cache_view";
import { makePlayerControls } from "./player_controls";
import { makeReadTimeline } from "./read_timeline";
import { makeRouterView } from "./router_view";
import type { RunStore } from "./store";
import { makeTokenStrip } from "./token_strip";
import type { Send } from "./transport";
import { drawTogether, type MakeView, type View } from "./view";

interface PanelOf {
  readonly name: string;
  readonly title: string;
  readonly what: string;
  readonly make: MakeView;
  /** Whether it is open at first: what is closed costs nothing. */
  readonly open: boolean;
}

const PANELS: readonly PanelOf[] = [
  { name: "tokens", title: "Tokens", what: "choose one: all panels show it", make: makeTokenStrip, open: true },
  { name: "router", title: "Routers", what: "the experts each layer chose", make: makeRouterView, open: true },
  {
    name: "reads",
    title: "Reads",
    what: "what the choice cost, on the token's clock",
    make: makeReadTimeline,
    open: true,
  },
  {
    name: "cache",
    title: "Page cache",
    what: "what memory holds of each expert",
    make: makePageCacheView,
    open: false,
  },
  { name: "sizes", title: "Cache sizes", what: "the run replayed with other caches", make: makeCacheSim, open: false },
];

/** What flashmoe_nb/widgets/dashboard.py says of what is attached. */
interface DashboardFacts {
  readonly plays: boolean;
  readonly prompt: string;
  readonly tokens_per_s: number;
}

export const makeDashboard: MakeView = (el, store, send) => {
  const grid = make("div", "fm-dash-grid");
  el.append(make("style", "", {}, css), make("div", "fm-dash", {}, grid));
  const play = makePlay(grid, store, send);
  const panels = new Map<string, Panel>();
  for (const of of PANELS) panels.set(of.name, makePanel(grid, of, store, send));
  panels.get("sizes")!.onOpen = () => send("replay"); // the run has grown since
  const chain = makeChain(store, (name) => panels.get(name)?.reveal());
  grid.insertBefore(chain.el, panels.get("router")!.el);
  const views: readonly View[] = [play, chain, ...panels.values()];
  return {
    draw: drawTogether(views),
    destroy() {
      for (const view of views) view.destroy();
    },
  };
};

interface Panel extends View {
  readonly el: HTMLElement;
  /** Open it and show it to the reader. */
  reveal(): void;
  onOpen: () => void;
}

function makePanel(grid: HTMLElement, of: PanelOf, store: RunStore, send: Send): Panel {
  const mark = make("span", "fm-mark", { "aria-hidden": "true" });
  const head = make("button", "fm-panel-head", { type: "button", "data-name": `panel_${of.name}` });
  head.append(mark, make("span", "fm-name", {}, of.title), make("span", "fm-faint", {}, of.what));
  const body = make("div", "fm-panel-body");
  const el = make("section", "fm-panel", { "data-panel": of.name, "aria-label": of.title }, head, body);
  grid.append(el);
  const view = of.make(body, store, send);
  const panel: Panel = {
    el,
    onOpen: () => {},
    reveal() {
      if (body.hidden) show(true);
      el.scrollIntoView({ block: "nearest" });
    },
    draw: (now_ms: number) => (body.hidden ? undefined : view.draw(now_ms)),
    destroy: () => view.destroy(),
  };
  const show = (open: boolean, tell = true) => {
    body.hidden = !open;
    el.classList.toggle("fm-closed", !open);
    head.setAttribute("aria-expanded", String(open));
    setText(mark, open ? "▾" : "▸");
    if (open && tell) panel.onOpen();
    store.changed();
  };
  head.addEventListener("click", () => show(body.hidden !== false));
  show(of.open, false);
  return panel;
}

/** Buttons of a player; of a recorded run, those that replay it. */
function makePlay(grid: HTMLElement, store: RunStore, send: Send): View {
  const [live, recorded] = [make("div", "fm-live"), make("div", "")];
  const el = make("section", "fm-panel", { "data-panel": "play", "aria-label": "Play" }, live, recorded);
  grid.append(el);
  const player = makePlayerControls(live, store, send);
  const playback = makePlayback(recorded, grid.closest<HTMLElement>(".fm-root") ?? grid, store);
  let plays = false;
  const end = store.onPart("dashboard", (part) => {
    const facts = part as unknown as DashboardFacts;
    plays = facts.plays;
    fill(live, "prompt", facts.prompt);
    fill(live, "speed", String(facts.tokens_per_s));
  });
  return {
    draw(now_ms) {
      const runs = plays && !store.place?.complete;
      live.hidden = !runs;
      recorded.hidden = runs;
      grid.classList.toggle("fm-recorded", !runs);
      playback.enabled = !runs;
      return (runs ? player : playback).draw(now_ms);
    },
    destroy() {
      end();
      player.destroy();
      playback.destroy();
    },
  };
}

/** What a field holds until somebody types. */
function fill(el: HTMLElement, name: string, value: string): void {
  const field = el.querySelector<HTMLInputElement>(`[data-name="${name}"]`);
  if (!field || field.dataset.filled) return;
  field.value = value;
  field.dataset.filled = "true";
}

export default widget({
  name: "Dashboard",
  hint: "fm.dashboard(engine), or fm.dashboard(fm.load_trace(path))",
  make: makeDashboard,
});
