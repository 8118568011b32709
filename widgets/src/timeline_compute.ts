// What passes between the reads of a token: as each layer's times tell, else as the gaps between reads.

import type { Theme } from "./colours";
import type { Read } from "./reads";
import type { RunStore } from "./store";
import type { Lanes, Span } from "./timeline_lanes";

/** Times of one layer in ms of the run. */
export interface LayerTimes {
  readonly layer: number;
  readonly start: number;
  /** The router's choice went on: reads begin. */
  readonly routed: number;
  /** The last experts were in their slots. */
  readonly read: number;
  readonly end: number;
}

/** Of the layers with routed experts; empty where they were not recorded. */
export function layerTimes(store: RunStore, token: number): LayerTimes[] {
  const zero = store.column("start_ms").at(token);
  const at = (name: string, layer: number) => zero + store.column(`layer_${name}_ms`).at(token, layer);
  return (store.facts?.sparse_layers ?? [])
    .map((layer) => ({
      layer,
      start: at("start", layer),
      routed: at("routed", layer),
      read: at("read", layer),
      end: at("end", layer),
    }))
    .filter(({ start, end }) => !Number.isNaN(start + end));
}

/** Times in which no read ran, [from, to] in ms of the run: between a layer's reads and the next layer's. */
export function gapsOf(reads: readonly Read[], pass: Span): Span[] {
  const gaps: Span[] = [];
  let reached = pass[0];
  for (const read of [...reads].sort((a, b) => a.start - b.start)) {
    if (read.start > reached) gaps.push([reached, read.start]);
    reached = Math.max(reached, read.end);
  }
  if (pass[1] > reached) gaps.push([reached, pass[1]]);
  return gaps;
}

/** Draw under the reads. Without times of layers a gap is drawn in the row that reads next, the last in the last row. */
export function drawCompute(
  context: CanvasRenderingContext2D,
  theme: Theme,
  layers: readonly number[],
  plan: Lanes,
  times: readonly LayerTimes[],
  rowHeight: number,
): void {
  const thick = Math.max(2, Math.min(6, rowHeight * 0.22));
  const bar = (row: number, from: number, to: number, colour: string) => {
    const [left, right] = [plan.x(from), plan.x(to)];
    context.fillStyle = colour;
    context.fillRect(left, (row + 0.5) * rowHeight - thick / 2, Math.max(0.5, right - left), thick);
  };
  for (const { layer, start, routed, read, end } of times) {
    const zero = plan.zero.get(layer);
    if (zero === undefined) continue;
    bar(layers.indexOf(layer), start - zero, routed - zero, theme.line);
    bar(layers.indexOf(layer), read - zero, end - zero, theme.faint);
  }
  if (times.length > 0 || plan.origin !== "token") return;
  const zero = [...plan.zero.values()][0];
  if (zero === undefined) return;
  const sorted = [...plan.reads].sort((a, b) => a.start - b.start);
  for (const [from, to] of gapsOf(plan.reads, plan.pass)) {
    const next = sorted.find((one) => one.start >= to);
    bar(next ? layers.indexOf(next.layer) : layers.length - 1, from - zero, to - zero, theme.line);
  }
}
