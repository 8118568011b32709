// What Python reports of the place a debugger stands at: flashmoe_nb/widgets/debug_report.py, as types. Draws nothing.

import { parseChunk, type Tensor } from "./chunk";
import type { Part } from "./store";

export interface Stage {
  readonly stage: string;
  readonly seen: boolean;
  readonly current: boolean;
  readonly changed: boolean;
}

export interface ValueFacts {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly n_values: number;
  readonly n_not_finite: number;
  readonly n_zero: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly mean: number;
  readonly std: number;
  readonly rms: number;
  readonly low: number;
  readonly high: number;
  readonly rows: number;
  readonly columns: number;
  readonly folded: boolean;
  readonly first_row: number;
}

export interface RouterFacts {
  readonly layer: number;
  readonly num_experts: number;
  readonly top_k: number;
  readonly banned: readonly number[];
  readonly forced: readonly number[];
  readonly k: number | null;
  /** Expert, routing weight, probability among all. */
  readonly chosen: readonly (readonly [number, number, number])[];
  readonly kept_mass?: number;
  readonly margin?: number | null;
  readonly entropy_bits?: number;
}

export interface Difference {
  readonly layer: number;
  readonly name: string;
  readonly stages: readonly { readonly name: string; readonly relative: number | null }[];
  readonly comparable: boolean;
  readonly cosine?: number;
  readonly largest?: number;
  /** Place, without and with the changes. */
  readonly most?: readonly (readonly [number, number, number])[];
}

export interface DebuggerFacts {
  readonly place: { token: number; text: string; layer: number | null; stage: string; says: string } | null;
  readonly tokens: { given: number; left: number; first: number; now: number; texts: readonly string[] };
  /** Of each layer: its kind of mixer. */
  readonly kinds: readonly string[];
  readonly stages: readonly string[];
  readonly measures: readonly string[];
  readonly diagram: readonly { readonly name: string; readonly stages: readonly Stage[] }[];
  readonly names: readonly string[];
  readonly value: ValueFacts | null;
  readonly reads: readonly { expert: number; slot: number; nbytes: number; ms: number; resident: number | null }[];
  readonly router: RouterFacts | null;
  readonly changes: string;
  readonly lens: {
    layer: number | null;
    stage: string;
    tokens: readonly { text: string; id: number; share: number }[];
  } | null;
  readonly difference: Difference | null;
  readonly wanted: { name: string; lens: boolean; comparing: boolean };
  readonly breakpoints: readonly { number: number; text: string }[];
  readonly done: string;
  readonly error: string;
}

export interface Report {
  readonly number: number;
  readonly facts: DebuggerFacts;
  readonly arrays: ReadonlyMap<string, Tensor>;
}

/** Have Python do something. */
export type Act = (command: string, args?: Record<string, unknown>) => void;

/** A part of the panel: brings its elements up to a report. `fresh` is false when only colours or sizes changed. */
export type Show = (report: Report, fresh: boolean) => void;

export function readReport(part: Part): Report {
  const chunk = part.chunk as string;
  const arrays = chunk ? parseChunk(fromBase64(chunk)).tensors : new Map<string, Tensor>();
  return { number: part.number as number, facts: part.facts as DebuggerFacts, arrays };
}

export function fromBase64(text: string): DataView {
  return new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}

/** Four digits at most, whatever the size. */
export function shortNumber(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "none";
  if (value === 0 || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e4 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}
