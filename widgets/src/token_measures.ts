// What a token can be coloured by, as numbers with a unit; NaN where it is not known. Draws nothing.

import { byteText, msText, percent } from "./format";
import { DECODE, type ReadSums } from "./reads";
import { lowerBound, type RunStore } from "./store";

export interface Measure {
  readonly name: string;
  readonly label: string;
  readonly title: string;
  /** Of a token; NaN: unknown. */
  of(store: RunStore, sums: ReadSums, token: number): number;
  text(value: number): string;
  /** Where the scale ends, null: at nearly the highest value shown. */
  readonly most: number | null;
}

export const MEASURES: readonly Measure[] = [
  {
    name: "surprise",
    label: "Surprise",
    title: "How little the model expected it, in bits",
    of: (store, _, token) => surprise(store, token),
    text: (bits) => `${bits.toFixed(1)} bits`,
    most: null,
  },
  {
    name: "probability",
    label: "Probability",
    title: "What the model gave it before it was drawn",
    of: (store, _, token) => Math.exp(store.column("token_logprob").at(token)),
    text: percent,
    most: 1,
  },
  {
    name: "bytes",
    label: "Bytes read",
    title: "Expert bytes read for it; a prompt's tokens share theirs",
    of: (_, sums, token) => sums.of(token).bytes / passSize(_, token),
    text: byteText,
    most: null,
  },
  {
    name: "ssd",
    label: "From SSD",
    title: "Expert bytes that the page cache did not hold",
    of: (store, sums, token) => (sums.of(token).bytes - sums.of(token).hitBytes) / passSize(store, token),
    text: byteText,
    most: null,
  },
  {
    name: "time",
    label: "Time",
    title: "Time of its pass; a prompt's tokens share theirs",
    of: (store, sums, token) => sums.of(token).passMs / passSize(store, token),
    text: msText,
    most: null,
  },
];

export function surprise(store: RunStore, token: number): number {
  return -store.column("token_logprob").at(token) / Math.LN2;
}

/** Tokens that went through the layers together with this one. */
export function passSize(store: RunStore, token: number): number {
  if (store.column("phase").at(token) === DECODE) return 1;
  const column = store.column("pass_start");
  const pass = column.at(token);
  return lowerBound(column, pass + 1) - lowerBound(column, pass);
}

/** End of a scale: beyond nearly all values, so that one hiccup does not flatten the others. */
export function scaleEnd(values: readonly number[], fixed: number | null): number {
  if (fixed !== null) return fixed;
  const known = values.filter(Number.isFinite).sort((a, b) => a - b);
  return known.length ? known[Math.floor((known.length - 1) * 0.97)] || known[known.length - 1] || 1 : 1;
}

/** Likeliest tokens that this one was drawn from: [id, probability]. */
export function alternatives(store: RunStore, token: number): [id: number, share: number][] {
  const ids = store.column("sampled_from_ids").rows(token);
  const logprobs = store.column("sampled_from_logprobs").rows(token);
  return [...ids].map((id, n): [number, number] => [id, Math.exp(logprobs[n])]).filter(([id]) => id >= 0);
}

/** A token's text; bytes that are part of a character are shown as such. */
export function tokenText(store: RunStore, token: number): string {
  const text = store.text(token);
  if (!text.includes("\uFFFD")) return text;
  const raw = store.column("text").rows(store.column("text_start").at(token), store.column("text_end").at(token));
  return [...raw].map((byte) => (byte < 0x80 ? String.fromCharCode(byte) : `‹${byte.toString(16)}›`)).join("");
}

/** Tokens that are on the page at once. */
export const WINDOW = 1500;

/** [first, end) of the tokens on the page: the last ones, or those around the shown one. */
export function windowOf(tokens: number, shown: number): [first: number, end: number] {
  const end = Math.min(tokens, Math.max(WINDOW, shown + WINDOW / 3));
  return [Math.max(0, Math.floor(end - WINDOW)), Math.floor(end)];
}
