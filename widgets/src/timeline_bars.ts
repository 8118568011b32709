// The tokens of a run as bars over time spent: reads from the SSD, reads from memory, the rest. One bar a token.

import type { Sheet } from "./canvas";
import { SOURCES, type Theme } from "./colours";
import { msText } from "./format";
import type { ReadSums } from "./reads";
import type { RunStore } from "./store";
import { LEFT } from "./timeline_lanes";
import { passSize } from "./token_measures";

const BAR = 6;
const RIGHT = 12;

/** First token shown and how many: the newest that fit, or those around the one chosen. */
export function barWindow(tokens: number, shown: number, width: number): [first: number, shown: number] {
  const room = Math.max(1, Math.floor((width - LEFT - RIGHT) / BAR));
  const fits = Math.min(tokens, room);
  const first = Math.max(0, Math.min(tokens - fits, shown - Math.floor(fits * 0.75)));
  return [first, fits];
}

/** The token under a place; -1: none. */
export function tokenAt(store: RunStore, width: number, x: number): number {
  const [first, fits] = barWindow(store.tokens, store.shownToken, width);
  const at = Math.floor((x - LEFT) / BAR);
  return at >= 0 && at < fits ? first + at : -1;
}

export function drawBars(sheet: Sheet, theme: Theme, store: RunStore, sums: ReadSums): void {
  const { context, width, height } = sheet;
  const [first, fits] = barWindow(store.tokens, store.shownToken, width);
  const shown = Array.from({ length: fits }, (_, n) => shareOf(store, sums, first + n));
  const most = barEnd(shown.map((share) => share.all));
  const floor = height - 6;
  const scale = (floor - 10) / most;
  context.clearRect(0, 0, width, height);
  shown.forEach((share, n) => {
    const x = LEFT + n * BAR;
    const tall = Math.min(share.all, most) * scale;
    const ssd = Math.min(share.ssd, most) * scale;
    const read = Math.min(share.read, most) * scale;
    context.fillStyle = theme.line;
    context.fillRect(x, floor - tall, BAR - 1.5, tall);
    context.fillStyle = SOURCES.cache;
    context.fillRect(x, floor - read, BAR - 1.5, read);
    context.fillStyle = SOURCES.ssd;
    context.fillRect(x, floor - ssd, BAR - 1.5, ssd);
    if (share.all > most) context.clearRect(x - 0.5, floor - tall + 5, BAR, 2.5);
    if (first + n === store.shownToken) {
      context.fillStyle = theme.accent;
      context.fillRect(x - 0.5, floor + 1.5, BAR - 0.5, 3);
    }
  });
  context.font = `11px ${theme.font}`;
  context.fillStyle = theme.faint;
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText("tokens", 4, floor - 12);
  context.fillText(msText(most), 4, 2);
}

/** Milliseconds of a token; the tokens of a prompt share their pass. */
function shareOf(store: RunStore, sums: ReadSums, token: number): { all: number; read: number; ssd: number } {
  const [sum, size] = [sums.of(token), passSize(store, token)];
  return { all: sum.passMs / size, read: sum.readMs / size, ssd: sum.ssdMs / size };
}

/** A prefill or a hiccup must not flatten the others: beyond this a bar is cut, and shows it by a gap. */
export function barEnd(times: readonly number[]): number {
  const sorted = times.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)] || 1;
  return Math.min(3 * middle, sorted[sorted.length - 1] ?? 1);
}
