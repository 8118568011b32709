// The reads of a token on a true time axis, the tokens before it as bars, and a banner when nothing comes from the SSD.

import { makeSheet } from "./canvas";
import { SOURCES, themeOf } from "./colours";
import { button, choice, make, setText } from "./dom";
import { byteText, count, msText, percent, visible } from "./format";
import { makeLimit } from "./limit";
import { widget } from "./mount";
import { addUp, DECODE, type Read, type ReadSum, readsOf, SOURCE_COLOURS, SOURCE_NAMES } from "./reads";
import styles from "./reads.css";
import type { RunStore } from "./store";
import { drawBars, tokenAt } from "./timeline_bars";
import { drawLanes, laneLayout, layerSpan, layersOf, type Origin, readUnder, type Span } from "./timeline_lanes";
import type { MakeView, View } from "./view";

/** Decoded tokens that the running numbers are over. */
const RUNNING = 32;

export const makeReadTimeline: MakeView = (el, store, send): View => {
  const { sums } = store;
  let origin: Origin = "token";
  let zoom: Span | null = null;
  let dragged: number | null = null;

  const origins = choice(
    "Where time starts",
    [
      ["token", "Time in the token", "Every read where it stands in its token"],
      ["layer", "Time in the layer", "Every layer's reads from its first one on"],
    ],
    (value) => {
      origin = value as Origin;
      zoom = null;
      store.changed();
    },
  );
  const whole = button("whole", "Whole token", "Show all of the time axis again (drag over a part to zoom in)", () => {
    zoom = null;
    store.changed();
  });
  const closer = button(
    "closer",
    "Zoom to layer",
    "Show the reads of the selected layer, else of the slowest read's",
    () => {
      zoom = layerSpan(plan, store.selection.layer);
      store.changed();
    },
  );
  const running = make("div", "fm-says", { "data-name": "running" });
  const says = make("div", "fm-says", { "data-name": "says", "aria-live": "off" });
  const tip = make("div", "fm-tip");
  tip.hidden = true;
  const limit = makeLimit(store, send);
  const bars = make("div", "");
  const lanes = make("div", "");
  el.append(
    make("style", "", {}, styles),
    make("div", "fm-row", {}, origins.el, closer, whole, running),
    limit.el,
    bars,
    lanes,
    legend(),
    says,
    tip,
  );
  const barSheet = makeSheet(bars, "Time of each token, the waiting for reads coloured");
  const laneSheet = makeSheet(lanes, "Reads of one token, a row for each layer");

  let plan = laneLayout([], [0, 1], origin, null, 0);

  barSheet.canvas.addEventListener("click", (event) => {
    const token = tokenAt(store, barSheet.width, event.offsetX);
    if (token >= 0) store.select({ token, following: false });
  });
  laneSheet.canvas.addEventListener("pointerdown", (event) => {
    dragged = plan.timeAt(event.offsetX);
    laneSheet.canvas.setPointerCapture(event.pointerId);
  });
  laneSheet.canvas.addEventListener("pointerup", (event) => {
    const from = dragged;
    dragged = null;
    if (from === null) return;
    const to = plan.timeAt(event.offsetX);
    if (Math.abs(plan.x(from) - event.offsetX) > 6) {
      zoom = [Math.min(from, to), Math.max(from, to)];
      store.changed();
      return;
    }
    const read = readUnder(plan, event.offsetX, event.offsetY);
    if (read) store.select({ layer: read.layer, expert: read.expert });
  });
  laneSheet.canvas.addEventListener("pointermove", (event) => {
    const read = readUnder(plan, event.offsetX, event.offsetY);
    tip.hidden = read === null;
    if (!read) return;
    const ms = read.end - read.start;
    const held = Number.isNaN(read.before) ? "" : `\n${percent(read.before)} of its pages were resident`;
    const last = plan.tails.has(read.row) ? "\nlast of its layer: the layer waits for it" : "";
    setText(
      tip,
      `layer ${read.layer}, expert ${read.expert}, thread ${read.thread}\n${msText(ms)} for ${byteText(read.bytes)}: ` +
        `${(read.bytes / ms / 1e6).toPrecision(2)} GB/s\n${SOURCE_NAMES[read.source]}${held}${last}`,
    );
    const inside = lanes.offsetLeft + event.offsetX;
    tip.style.left = `${Math.max(0, Math.min(inside + 14, el.clientWidth - 230))}px`;
    tip.style.top = `${lanes.offsetTop + event.offsetY + 16}px`;
  });
  laneSheet.canvas.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });

  return {
    draw() {
      const token = store.shownToken;
      const theme = themeOf(el);
      origins.show(origin);
      whole.disabled = zoom === null;
      barSheet.fit(64);
      drawBars(barSheet, theme, store, sums);
      const reads = readsOf(store, token);
      laneSheet.fit(26 + layersOf(store).length * rowHeight(layersOf(store).length, reads));
      plan = laneLayout(reads, passOf(store), origin, zoom, laneSheet.width);
      drawLanes(laneSheet, theme, layersOf(store), plan, store);
      const recent = sums.recent(token, RUNNING);
      const total = addUp(recent);
      setText(running, runningText(total, recent.length));
      Object.assign(running.dataset, { hit: (total.hitBytes / total.bytes).toFixed(4), tokens: recent.length });
      setText(says, saysText(store, token, sums.of(token)));
      limit.draw(total, recent.length);
      return undefined;
    },
    destroy: () => limit.destroy(),
  };
};

function passOf(store: RunStore): Span {
  const token = store.shownToken;
  return [store.column("start_ms").at(token), store.column("end_ms").at(token)];
}

function rowHeight(layers: number, reads: readonly Read[]): number {
  const threads = 1 + Math.max(0, ...reads.map((read) => read.thread));
  return Math.max(9, Math.min(18 + 8 * threads, Math.floor(520 / Math.max(1, layers))));
}

function runningText(total: ReadSum, tokens: number): string {
  if (tokens === 0 || total.reads === 0) return "no reads of decoded tokens yet";
  const rate = total.readMs > 0 ? `${(total.bytes / total.readMs / 1e6).toPrecision(3)} GB/s` : "no reads";
  const guess = total.inferred ? " (in part inferred)" : "";
  return (
    `last ${tokens} tokens: ${rate} while reading, ${percent(total.hitBytes / total.bytes)} from the page cache${guess}, ` +
    `${percent(total.readMs / total.passMs)} of the time in reads, ${percent(total.ssdMs / total.passMs)} waiting for the SSD`
  );
}

function saysText(store: RunStore, token: number, sum: ReadSum): string {
  if (token < 0) return "No token yet.";
  const text = visible(store.text(token));
  if (sum.reads === 0) return `Token ${token} “${text}”: its reads are not here (none made, or let go of).`;
  const first = store.column("pass_start").at(token);
  const shared = store.column("phase").at(token) === DECODE ? "" : `, shared by the prompt's tokens from ${first} on`;
  const hits = percent(sum.hitBytes / sum.bytes);
  return (
    `Token ${token} “${text}”: ${count(sum.reads)} reads${shared}, ${byteText(sum.bytes)} in ${msText(sum.readMs)} of ` +
    `${msText(sum.passMs)}; ${hits} from the page cache, ${msText(sum.ssdMs)} waiting for the SSD.`
  );
}

function legend(): HTMLElement {
  const items: [string, string, string][] = [
    [SOURCE_COLOURS[0], "", SOURCE_NAMES[0]],
    [SOURCE_COLOURS[1], "", "partly"],
    [SOURCE_COLOURS[2], "", SOURCE_NAMES[2]],
    [SOURCES.unknown, "fm-hollow", "hollow: inferred from its time"],
    [SOURCES.mark, "fm-tail", "last of its layer: the layer waits for it"],
    ["var(--fm-line)", "fm-thin", "until the router chose"],
    ["var(--fm-faint)", "fm-thin", "after the reads"],
  ];
  const el = make("div", "fm-row fm-legend");
  for (const [colour, kind, text] of items) {
    const swatch = make("i", `fm-swatch ${kind}`);
    swatch.style.setProperty("--swatch", colour);
    el.append(make("span", "fm-faint", {}, swatch, text));
  }
  return el;
}

export default widget({
  name: "ReadTimeline",
  hint: "ReadTimeline(session), or ReadTimeline(fm.load_trace(path))",
  make: makeReadTimeline,
});
