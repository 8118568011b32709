// What the page cache holds: a map of all layers and experts, the selected layer in full, and buttons to change it.

import { makeSheet, PixelGrid } from "./canvas";
import { cividis, css, pixel, shade, themeOf } from "./colours";
import { button, make, setText } from "./dom";
import { makeEvictions } from "./evictions";
import { byteText, percent } from "./format";
import { widget } from "./mount";
import styles from "./page_cache_view.css";
import { FULL, knownCount, lastRead, type Residency, residentBytes, shareText } from "./residency";
import { cellUnder, drawCells, drawMap, gridOf, type MapPlan, mapPlan, rowUnder } from "./residency_map";
import { type RunStore, UNKNOWN_RESIDENCY } from "./store";
import { Usage } from "./usage";
import type { MakeView, View } from "./view";

interface Sweep {
  readonly state: "on" | "paused" | "busy" | "none";
  readonly text: string;
}

export const makePageCacheView: MakeView = (el, store, send): View => {
  let sweep: Sweep = { state: "none", text: "" };
  const pause = button("sweep", "Pause", "Stop asking the system, or go on", () =>
    send(sweep.state === "paused" ? "resume" : "pause"),
  );
  const actions = makeEvictions(store, send);
  const says = make("div", "fm-says", { "data-name": "says" });
  const detail = make("div", "fm-says", { "data-name": "detail" });
  const tip = make("div", "fm-tip");
  tip.hidden = true;
  const [map, cells] = [make("div", ""), make("div", "")];
  el.append(make("style", "", {}, styles), make("div", "fm-row", {}, ...actions.buttons, pause), actions.question);
  el.append(says, map, detail, cells, legend(), tip);
  const mapSheet = makeSheet(map, "Share of every expert that the page cache holds, a row for each layer");
  const cellSheet = makeSheet(cells, "The experts of one layer, filled as far as they are resident");
  const grid = new PixelGrid();
  const usage = new Usage();
  let plan: MapPlan = mapPlan(0, 1, 1);
  let known: Residency = { shares: store.residency, swept: true };

  const endings = [
    store.onPart("sweep", (part) => {
      sweep = part as unknown as Sweep;
    }),
    store.onPart("residency_seen", (part) => {
      if (!store.connected) showSeen(store, part.layers as Record<string, string>);
    }),
  ];

  mapSheet.canvas.addEventListener("click", (event) => {
    const [row, expert] = rowUnder(plan, event.offsetX, event.offsetY);
    if (row >= 0) store.select({ layer: store.facts!.sparse_layers[row], expert });
  });
  cellSheet.canvas.addEventListener("click", (event) => {
    const expert = cellUnder(gridOf(store.facts!.num_experts, cellSheet.width), event.offsetX, event.offsetY);
    if (expert >= 0) store.select({ layer: layerShown(store), expert });
  });
  const point = (row: number, expert: number, place: HTMLElement, event: PointerEvent) => {
    tip.hidden = row < 0 || expert < 0;
    if (tip.hidden) return;
    const layer = store.facts!.sparse_layers[row];
    const share = known.shares[row * store.facts!.num_experts + expert];
    const routed = routedAt(store, row).has(expert) ? "\nchosen for this token" : "";
    setText(tip, `layer ${layer}, expert ${expert}\n${shareText(share)}${routed}`);
    tip.style.left = `${Math.max(0, Math.min(place.offsetLeft + event.offsetX + 14, el.clientWidth - 190))}px`;
    tip.style.top = `${place.offsetTop + event.offsetY + 16}px`;
  };
  mapSheet.canvas.addEventListener("pointermove", (event) => {
    const [row, expert] = rowUnder(plan, event.offsetX, event.offsetY);
    point(row, expert, map, event);
  });
  cellSheet.canvas.addEventListener("pointermove", (event) => {
    const expert = cellUnder(gridOf(store.facts!.num_experts, cellSheet.width), event.offsetX, event.offsetY);
    point(store.layerRow(layerShown(store)), expert, cells, event);
  });
  for (const sheet of [mapSheet, cellSheet]) {
    sheet.canvas.addEventListener("pointerleave", () => {
      tip.hidden = true;
    });
  }

  return {
    draw() {
      const facts = store.facts!;
      const theme = themeOf(el);
      const unknown = theme.dark ? pixel(58, 58, 58) : pixel(224, 224, 224);
      known = knownCount(store.residency) > 0 ? { shares: store.residency, swept: true } : lastRead(store, usage);
      const rowHeight = Math.max(6, Math.min(22, Math.floor(360 / facts.sparse_layers.length)));
      mapSheet.fit(facts.sparse_layers.length * rowHeight + 4);
      plan = mapPlan(facts.sparse_layers.length, facts.num_experts, mapSheet.width, rowHeight);
      grid.fill(facts.num_experts, facts.sparse_layers.length, (cell) => {
        const share = known.shares[cell];
        return share === UNKNOWN_RESIDENCY ? unknown : shade(cividis, share / FULL);
      });
      const routed = (row: number) => routedAt(store, row);
      drawMap(mapSheet, theme, store, plan, grid.canvas, known.shares, routed);
      const row = store.layerRow(layerShown(store));
      cellSheet.fit(cellSheet.height); // as wide as its place is now
      const size = gridOf(facts.num_experts, cellSheet.width);
      cellSheet.fit(size.height);
      const own = known.shares.subarray(row * facts.num_experts, (row + 1) * facts.num_experts);
      drawCells(cellSheet, theme, size, own, routed(row), store.selection.expert);
      const resident = residentBytes(known.shares, facts.expert_bytes);
      setText(says, saysText(store, known, resident, sweep));
      Object.assign(says.dataset, { resident, swept: knownCount(store.residency), state: sweep.state });
      setText(detail, detailText(layerShown(store), own, facts.expert_bytes, routed(row).size));
      Object.assign(detail.dataset, { layer: layerShown(store), resident: residentBytes(own, facts.expert_bytes) });
      pause.hidden = sweep.state === "none" || !store.connected;
      setText(pause, sweep.state === "paused" ? "Go on looking" : "Pause looking");
      actions.draw(layerShown(store), sweep.state !== "none" && store.connected, sweep.state === "busy");
      return undefined;
    },
    destroy: () => {
      for (const end of endings) end();
    },
  };
};

/** What a page was saved with: base64 of the shares of each layer. */
function showSeen(store: RunStore, layers: Record<string, string>): void {
  for (const [layer, base64] of Object.entries(layers)) {
    store.setResidency(
      Number(layer),
      Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)),
    );
  }
}

/** The selected layer, else the first. */
function layerShown(store: RunStore): number {
  const { layer } = store.selection;
  return store.layerRow(layer) >= 0 ? layer : (store.facts?.sparse_layers[0] ?? -1);
}

/** Experts chosen for the shown token in a layer, given by its place on the axis L. */
function routedAt(store: RunStore, row: number): Set<number> {
  return new Set(store.chosen(store.shownToken, row));
}

function saysText(store: RunStore, known: Residency, resident: number, sweep: Sweep): string {
  const facts = store.facts!;
  if (!facts.residency_per_expert) {
    return `Experts of ${byteText(facts.expert_bytes)} share pages with their neighbours: what is resident of one cannot be told. Open a packed copy (“flashmoe pack”).`;
  }
  const all = facts.expert_bytes * known.shares.length;
  if (known.swept) {
    const looking = sweep.text ? ` · ${sweep.text}` : "";
    return `${byteText(resident)} of ${byteText(all)} of experts are in the page cache (${percent(resident / all)})${looking}`;
  }
  const why = sweep.text || "no page cache is asked: attach a session to see it live.";
  return `As the reads up to token ${store.shownToken} found it: what they did not touch is unknown; ${why}`;
}

function detailText(layer: number, own: Uint8Array, expertBytes: number, routed: number): string {
  const [whole, partly] = [own.filter((share) => share === FULL), own.filter((share) => share > 0 && share < FULL)];
  const unknown = own.filter((share) => share === UNKNOWN_RESIDENCY).length;
  const rest = unknown ? `, ${unknown} unknown` : "";
  return `Layer ${layer}: ${whole.length} of ${own.length} experts resident, ${partly.length} in part${rest}, ${byteText(residentBytes(own, expertBytes))}; ${routed} chosen for this token (outlined)`;
}

function legend(): HTMLElement {
  const ramp = make("i", "fm-ramp");
  const stops = Array.from({ length: 9 }, (_, n) => css(shade(cividis, n / 8)));
  ramp.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
  const items = [
    make("span", "fm-faint", {}, "not resident ", ramp, " resident"),
    make("span", "fm-faint", {}, make("i", "fm-box fm-box-unknown"), "unknown"),
    make("span", "fm-faint", {}, make("i", "fm-box fm-box-routed"), "chosen for this token"),
  ];
  return make("div", "fm-row fm-legend", {}, ...items);
}

export default widget({
  name: "PageCacheView",
  hint: "PageCacheView(session), or PageCacheView(fm.load_trace(path))",
  make: makePageCacheView,
});
