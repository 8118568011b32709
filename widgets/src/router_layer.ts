// One router's decision for the shown token: experts by rank with their weights, and on demand all probabilities.

import { makeSheet, type Sheet } from "./canvas";
import { SOURCES, themeOf } from "./colours";
import { button, make, setText } from "./dom";
import { msText, percent, visible } from "./format";
import type { Part, RunStore } from "./store";
import type { Send } from "./transport";
import type { View } from "./view";

const PLOT_HEIGHT = 96;

/** What Python answers to the command "router". */
interface Answer {
  readonly layer: number;
  readonly token: number;
  readonly probabilities: Float32Array;
}

export function makeRouterLayer(el: HTMLElement, store: RunStore, send: Send): View {
  const box = make("div", "fm-layer");
  const says = make("div", "fm-row", { "data-name": "layer_says" });
  const ranks = make("div", "fm-ranks", { role: "list", "aria-label": "experts chosen, by weight" });
  const all = button("all_probabilities", "All probabilities", "Ask the router for its softmax over all experts", () =>
    send("router", { layer: store.selection.layer, token: store.shownToken }),
  );
  const note = make("span", "fm-faint", { "data-name": "layer_note" });
  const plot = make("div", "fm-probabilities");
  const sheet = makeSheet(plot, "probability of every expert");
  box.append(says, ranks, make("div", "fm-row", {}, all, note), plot);
  el.append(box);
  let answer: Answer | null = null;
  const end = store.onPart("router", (part, buffers) => {
    answer = toAnswer(part, buffers);
    setText(note, (part.note as string) ?? "");
  });
  return {
    draw() {
      const row = store.layerRow(store.selection.layer);
      box.hidden = row < 0;
      if (row < 0) return undefined;
      const token = store.shownToken;
      setText(says, sentence(store, row, token));
      showRanks(ranks, store, row, token);
      all.disabled = !store.connected;
      const shown = answer !== null && answer.layer === store.selection.layer && answer.token === token;
      plot.hidden = !shown;
      plot.dataset.token = shown ? String(token) : "";
      if (shown) drawProbabilities(sheet, answer!, store, row);
      return undefined;
    },
    destroy: end,
  };
}

function toAnswer(part: Part, buffers: DataView[]): Answer | null {
  if (buffers.length === 0) return null;
  const { buffer, byteOffset, byteLength } = buffers[0];
  const probabilities = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
  return { layer: part.layer as number, token: part.token as number, probabilities };
}

function sentence(store: RunStore, row: number, token: number): string {
  const [mass, margin, entropy] = ["kept_mass", "router_margin", "router_entropy"].map((name) =>
    store.column(name).at(token, row),
  );
  if (Number.isNaN(mass)) return `layer ${store.selection.layer}: the routing of token ${token} is not here any more`;
  const layer = `layer ${store.selection.layer}, token ${token} "${visible(store.text(token))}"`;
  const certain = `kept mass ${percent(mass)} of the softmax, margin ${margin.toPrecision(3)} in logits`;
  return `${layer}: ${certain}, entropy ${entropy.toFixed(2)} of ${Math.log(store.facts!.num_experts).toFixed(2)} nats${times(store, token)}`;
}

/** When the layer's experts were there, where the trace has it. */
function times(store: RunStore, token: number): string {
  const { layer } = store.selection;
  const [routed, read] = ["layer_routed_ms", "layer_read_ms"].map((name) => store.column(name).at(token, layer));
  return Number.isFinite(read - routed) ? `, experts read in ${msText(read - routed)}` : "";
}

function showRanks(el: HTMLElement, store: RunStore, row: number, token: number): void {
  const ids = store.chosen(token, row);
  const chosen = ids.length;
  const from = row * store.keptExperts;
  const weights = store
    .column("routing_weights")
    .rows(token)
    .subarray(from, from + chosen);
  while (el.childElementCount > chosen) el.lastElementChild!.remove();
  while (el.childElementCount < chosen) el.append(makeRank(store));
  const most = Math.max(...weights, 0);
  [...el.children].forEach((child, rank) => {
    const one = child as HTMLElement;
    one.dataset.expert = String(ids[rank]);
    one.style.setProperty("--fm-share", String(most ? weights[rank] / most : 0));
    one.setAttribute("aria-pressed", String(store.selection.expert === ids[rank]));
    one.title = `rank ${rank + 1}: expert ${ids[rank]}, weight ${weights[rank].toFixed(4)}`;
    setText(one, `${ids[rank]} · ${weights[rank].toFixed(3)}`);
  });
}

function makeRank(store: RunStore): HTMLElement {
  const one = button("rank", "", "", () => {
    const expert = Number(one.dataset.expert);
    store.select({ expert: expert === store.selection.expert ? -1 : expert });
  });
  one.className = "fm-rank";
  return one;
}

function drawProbabilities(sheet: Sheet, { probabilities }: Answer, store: RunStore, row: number): void {
  sheet.fit(PLOT_HEIGHT);
  const { context, width, height, canvas } = sheet;
  const theme = themeOf(canvas);
  const chosen = new Set(store.chosen(store.shownToken, row));
  const most = probabilities.reduce((a, b) => Math.max(a, b), 0);
  const step = width / probabilities.length;
  context.clearRect(0, 0, width, height);
  probabilities.forEach((probability, expert) => {
    const tall = Math.max(1, (probability / most) * (height - 16));
    context.fillStyle = chosen.has(expert) ? SOURCES.ssd : theme.faint;
    const wide = chosen.has(expert) ? Math.max(2, step) : Math.max(1, step - 0.5);
    context.fillRect(expert * step, height - tall, wide, tall);
  });
  context.fillStyle = theme.faint;
  context.font = `11px ${theme.font}`;
  context.textBaseline = "top";
  context.fillText(`${percent(most)}: expert ${probabilities.indexOf(most)}; the chosen are orange`, 2, 0);
}
