// Where the reads of one token stand on a time axis, a row for each layer and a lane for each thread; and their drawing.

import type { Sheet } from "./canvas";
import { SOURCES, type Theme } from "./colours";
import { msText } from "./format";
import { isInferred, type Read, SOURCE_COLOURS } from "./reads";
import type { RunStore } from "./store";
import { drawCompute, layerTimes } from "./timeline_compute";

export type Span = [from: number, to: number];
/** Where time 0 is: at the token's start, or at each layer's first read. */
export type Origin = "token" | "layer";

export const LEFT = 46;
const RIGHT = 12;
const AXIS = 22;
const GAP = 0.14;

export interface Lanes {
  readonly reads: readonly Read[];
  readonly origin: Origin;
  /** Start and end of the pass, in ms of the run. */
  readonly pass: Span;
  readonly span: Span;
  /** Time 0 of each layer, in ms of the run. */
  readonly zero: ReadonlyMap<number, number>;
  /** Rows of the reads their layers waited for to the end. */
  readonly tails: ReadonlySet<number>;
  readonly threads: number;
  /** Time of a place, and the other way round; ms since the origin, px. */
  timeAt(x: number): number;
  x(ms: number): number;
  /** Filled while drawing: where each read is. */
  readonly boxes: { read: Read; x: number; y: number; width: number; height: number }[];
}

export function layersOf(store: RunStore): readonly number[] {
  return store.facts?.sparse_layers ?? [];
}

/** Lay the reads of one pass out. `pass`: its start and end; `zoom`: the part of the axis shown, null: all of it. */
export function laneLayout(
  reads: readonly Read[],
  pass: Span,
  origin: Origin,
  zoom: Span | null,
  width: number,
): Lanes {
  const starts = new Map<number, number>();
  for (const read of reads) starts.set(read.layer, Math.min(starts.get(read.layer) ?? read.start, read.start));
  const zero = origin === "layer" ? starts : new Map([...starts.keys()].map((layer) => [layer, pass[0]]));
  const end =
    origin === "token"
      ? pass[1] - pass[0]
      : Math.max(0, ...reads.map((read) => read.end - (starts.get(read.layer) as number)));
  const span = zoom ?? [0, Number.isFinite(end) && end > 0 ? end : 1];
  const scale = (Math.max(1, width) - LEFT - RIGHT) / (span[1] - span[0]);
  return {
    reads,
    origin,
    pass,
    span,
    zero,
    tails: tailsOf(reads),
    threads: 1 + Math.max(0, ...reads.map((read) => read.thread)),
    timeAt: (x) => span[0] + (Math.max(LEFT, x) - LEFT) / scale,
    x: (ms) => LEFT + (ms - span[0]) * scale,
    boxes: [],
  };
}

/** The part of the axis that a layer's reads take, with some room; without one, that of the layer of the slowest read. */
export function layerSpan(plan: Lanes, selected: number): Span | null {
  const slowest = [...plan.reads].sort((a, b) => b.end - b.start - (a.end - a.start))[0];
  const layer = plan.zero.has(selected) ? selected : slowest?.layer;
  const zero = layer === undefined ? undefined : plan.zero.get(layer);
  if (zero === undefined) return null;
  const own = plan.reads.filter((read) => read.layer === layer);
  const [from, to] = [
    Math.min(...own.map((read) => read.start)) - zero,
    Math.max(...own.map((read) => read.end)) - zero,
  ];
  const room = (to - from) * 0.15;
  return [from - room, to + room];
}

/** The read of each layer that ended last. */
export function tailsOf(reads: readonly Read[]): Set<number> {
  const last = new Map<number, Read>();
  for (const read of reads) {
    if (read.end >= (last.get(read.layer)?.end ?? Number.NEGATIVE_INFINITY)) last.set(read.layer, read);
  }
  return new Set([...last.values()].map((read) => read.row));
}

export function readUnder(plan: Lanes, x: number, y: number): Read | null {
  const near = plan.boxes.filter((box) => y >= box.y - 1 && y <= box.y + box.height + 1);
  let [best, distance] = [null as Read | null, 4];
  for (const box of near) {
    const away = Math.max(box.x - x, x - box.x - box.width, 0);
    if (away < distance) [best, distance] = [box.read, away];
  }
  return best;
}

/** Draw, and note where each read came to lie. */
export function drawLanes(sheet: Sheet, theme: Theme, layers: readonly number[], plan: Lanes, store: RunStore): void {
  const { context, width, height } = sheet;
  const rowHeight = (height - AXIS) / Math.max(1, layers.length);
  context.clearRect(0, 0, width, height);
  context.font = `11px ${theme.font}`;
  drawAxis(sheet, theme, plan);
  layers.forEach((layer, row) => {
    const top = row * rowHeight;
    if (layer === store.selection.layer) {
      context.fillStyle = theme.accent;
      context.globalAlpha = 0.16;
      context.fillRect(0, top, width, rowHeight);
      context.globalAlpha = 1;
    }
    if (rowHeight >= 12 || row % 4 === 0) label(context, theme, `L${layer}`, Math.max(7, top + rowHeight / 2));
  });
  placeReads(layers, plan, rowHeight);
  clipped(sheet, () => {
    drawCompute(context, theme, layers, plan, layerTimes(store, store.shownToken), rowHeight);
    for (const box of plan.boxes) drawRead(context, plan, box, store.selection.expert);
  });
}

function label(context: CanvasRenderingContext2D, theme: Theme, text: string, y: number): void {
  context.fillStyle = theme.faint;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(text, 4, y);
}

function placeReads(layers: readonly number[], plan: Lanes, rowHeight: number): void {
  const lane = (rowHeight * (1 - GAP)) / plan.threads;
  for (const read of plan.reads) {
    const row = layers.indexOf(read.layer);
    if (row < 0) continue;
    const zero = plan.zero.get(read.layer) as number;
    const [from, to] = [plan.x(read.start - zero), plan.x(read.end - zero)];
    const y = row * rowHeight + (rowHeight * GAP) / 2 + read.thread * lane;
    plan.boxes.push({ read, x: from, y, width: Math.max(0.8, to - from), height: Math.max(1, lane - 0.6) });
  }
}

function drawRead(
  context: CanvasRenderingContext2D,
  plan: Lanes,
  { read, x, y, width, height }: Lanes["boxes"][number],
  selected: number,
): void {
  const colour = SOURCE_COLOURS[read.source];
  if (isInferred(read.source) && width > 3) {
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
  } else {
    context.fillStyle = colour;
    // A hairline between neighbours where there is room for one.
    context.fillRect(x, y, width > 3 ? width - 0.7 : width, height);
  }
  if (plan.tails.has(read.row)) {
    context.fillStyle = SOURCES.mark;
    context.fillRect(x + width - 1, y - 1, 2.5, height + 2);
  }
  if (read.expert === selected) {
    context.strokeStyle = SOURCES.mark;
    context.lineWidth = 1.5;
    context.strokeRect(x - 1, y - 1, width + 2, height + 2);
  }
}

function clipped(sheet: Sheet, draw: () => void): void {
  const { context, width, height } = sheet;
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT - RIGHT / 2, height - AXIS + 1);
  context.clip();
  draw();
  context.restore();
}

function drawAxis(sheet: Sheet, theme: Theme, plan: Lanes): void {
  const { context, width, height } = sheet;
  const y = height - AXIS + 2;
  context.strokeStyle = theme.line;
  context.fillStyle = theme.faint;
  context.lineWidth = 1;
  context.textBaseline = "top";
  context.textAlign = "center";
  context.beginPath();
  for (const tick of ticks(plan.span, Math.max(2, Math.floor((width - LEFT) / 110)))) {
    const x = Math.round(plan.x(tick)) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, y + 3);
    context.fillText(tick === 0 ? "0" : msText(tick), Math.min(x, width - 22), y + 5);
  }
  context.globalAlpha = 0.5;
  context.stroke();
  context.globalAlpha = 1;
}

/** Round values inside a span, about so many. */
export function ticks([from, to]: Readonly<Span>, wanted: number): number[] {
  const rough = (to - from) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number) * power;
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}
