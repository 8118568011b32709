// What the colour of an expert can mean. Each mode says it in words too.

import { cividis, css, pixel, SOURCES, shade, type Theme, viridis } from "./colours";
import { SOURCE_COLOURS } from "./reads";
import { FULL } from "./residency";
import { type RunStore, UNKNOWN_RESIDENCY } from "./store";
import { heatAt, NEVER, type Usage } from "./usage";

export type ModeName = "now" | "counts" | "recency" | "residency" | "source";

export interface Scene {
  readonly store: RunStore;
  readonly usage: Usage;
  readonly token: number;
  readonly theme: Theme;
  /** 0 as a token comes in, 1 when the glow of those before has settled. */
  readonly settled: number;
}

export interface Mode {
  readonly text: string;
  readonly title: string;
  /** Colour of cell row * E + expert. */
  colours(scene: Scene): (cell: number) => number;
  /** What the colours are: a swatch and a word each. */
  legend(scene: Scene): readonly (readonly [colour: string, text: string])[];
}

const DECAY = 0.82;
const GREY = pixel(128, 128, 128, 90);
const FAINT = 0x66000000;
const LONG_AGO = 256;

const SOURCE_PIXELS = SOURCE_COLOURS.map(parse);

export const MODES: Readonly<Record<ModeName, Mode>> = {
  now: {
    text: "This token",
    title: "Experts chosen for this token over the glow of those before",
    colours({ store, token, settled }) {
      const heat = heatAt(store, token, DECAY);
      const glow = DECAY ** (settled - 1); // as bright as one token ago, at first
      return (cell) => shade(viridis, Math.min(0.8, 0.55 * glow * heat[cell]));
    },
    legend: () => [
      ["mark", "chosen for this token"],
      [css(shade(viridis, 0.6)), "chosen for the tokens before, fading"],
    ],
  },
  counts: {
    text: "Counts",
    title: "How often each expert was chosen up to this token, on a logarithmic scale",
    colours({ usage }) {
      const most = usage.counts.reduce((a, b) => Math.max(a, b), 1);
      const colours = Uint32Array.from({ length: most + 1 }, (_, n) =>
        shade(viridis, Math.log1p(n) / Math.log1p(most)),
      );
      return (cell) => colours[usage.counts[cell]];
    },
    legend({ usage }) {
      const most = usage.counts.reduce((a, b) => Math.max(a, b), 1);
      return [
        [css(viridis[0]), "never"],
        [css(viridis[128]), `${Math.round(Math.expm1(Math.log1p(most) / 2))} times`],
        [css(viridis[255]), `${most} times`],
      ];
    },
  },
  recency: {
    text: "Recency",
    title: "How long ago each expert was chosen, on a logarithmic scale",
    colours({ usage, token }) {
      const scale = Math.log1p(LONG_AGO);
      return (cell) => {
        const last = usage.lastToken[cell];
        return last === NEVER ? GREY : shade(cividis, 1 - Math.log1p(token - last) / scale);
      };
    },
    legend: () => [
      [css(cividis[255]), "this token"],
      [css(shade(cividis, 1 - Math.log1p(16) / Math.log1p(LONG_AGO))), "16 tokens ago"],
      [css(cividis[0]), `${LONG_AGO} or more`],
      [grey(), "never"],
    ],
  },
  residency: {
    text: "Residency",
    title: "How much of each expert the page cache holds now",
    colours({ store }) {
      return (cell) => {
        const share = store.residency[cell];
        return share === UNKNOWN_RESIDENCY ? GREY : shade(cividis, share / FULL);
      };
    },
    legend: ({ store }) =>
      store.residency.every((share) => share === UNKNOWN_RESIDENCY)
        ? [[grey(), "unknown: a live session is swept, a trace holds no residency"]]
        : [
            [css(cividis[0]), "not in the page cache"],
            [css(cividis[255]), "wholly in the page cache"],
            [grey(), "unknown"],
          ],
  },
  source: {
    text: "Hit or miss",
    title: "Where the last read of each expert came from",
    colours({ store, usage, token }) {
      const column = store.column("read_source");
      const sources = column.rows(column.first, column.end);
      const [firstNow] = store.readsOf(token);
      return (cell) => {
        const read = usage.lastRead[cell];
        if (read < column.first) return GREY;
        const colour = SOURCE_PIXELS[sources[read - column.first]];
        return read < firstNow ? ((colour & 0xffffff) | FAINT) >>> 0 : colour;
      };
    },
    legend: () => [
      [SOURCES.cache, "page cache"],
      [SOURCES.partly, "partly"],
      [SOURCES.ssd, "SSD"],
      [grey(), "never read; faint: read for a token before"],
    ],
  },
};

function parse(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  return pixel(red, green, blue);
}

function grey(): string {
  return "rgb(128 128 128 / 35%)";
}
