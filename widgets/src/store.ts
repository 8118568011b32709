// One run as the views see it: the columns of a trace as they grow, residency, and what is selected. Draws nothing.

import type { Chunk, Tensor, Values } from "./chunk";
import { Column } from "./column";
import type { Facts, Place } from "./facts";
import { ReadSums } from "./reads";

export interface Selection {
  /** Row of a token, -1: none. */
  token: number;
  /** Number of a layer as the model counts, -1: none. */
  layer: number;
  expert: number;
  /** The newest token is shown, whatever `token` says. */
  following: boolean;
}

/** What Python sends beside rows; `buffers` as they came. */
export interface Part {
  readonly kind: string;
  readonly [name: string]: unknown;
}
export type PartHandler = (part: Part, buffers: DataView[]) => void;
export type Applied = "applied" | "nothing new" | "gap";

export const UNKNOWN_RESIDENCY = 255;

export class RunStore {
  facts: Facts | null = null;
  place: Place | null = null;
  tokens = 0;
  reads = 0;
  /** Choices of the rows before `routedFirst`, [L, E]: whole runs are counted, whatever the browser holds. */
  countsBefore = new Uint32Array(0);
  /** Share of each expert that the page cache holds, 0 to 254, [L, E]. */
  residency = new Uint8Array(0);
  readonly selection: Selection = { token: -1, layer: -1, expert: -1, following: true };
  /** Python answers commands: false in a saved page, before its first word and after the kernel is gone. */
  connected = false;
  /** The last error Python reported. */
  error = "";
  /** Messages and rows that came live. */
  readonly received = { messages: 0, rows: 0, snapshots: 0 };
  /** What passes read, added up once for all views. */
  readonly sums = new ReadSums(this);
  private columns = new Map<string, Column>();
  private readonly listeners = new Set<() => void>();
  private readonly handlers = new Map<string, Set<PartHandler>>();
  private readonly kept = new Map<string, Part>();

  /** A column by its name in the trace; times end in `_ms` and count from the start of the run. */
  column(name: string): Column {
    let found = this.columns.get(name);
    if (!found) {
      found = new Column(new Float32Array(0), 1); // stands for one that has not come
      this.columns.set(name, found);
    }
    return found;
  }

  /** First token row whose routing is here. */
  get routedFirst(): number {
    return this.column("expert_ids").first;
  }

  /** Experts kept of a token and layer: `top_k`, or more where there was room for a patch (65535 fills up). */
  get keptExperts(): number {
    return this.column("expert_ids").width / Math.max(1, this.facts?.sparse_layers.length ?? 1);
  }

  /** Experts a token's router chose in row `row` of the axis L, by rank and without what fills up; none if let go of. */
  chosen(token: number, row: number): Values {
    const kept = this.keptExperts;
    const ids = this.column("expert_ids")
      .rows(token)
      .subarray(row * kept, (row + 1) * kept);
    let end = 0;
    while (end < ids.length && ids[end] < this.facts!.num_experts) end++;
    return ids.subarray(0, end);
  }

  /** The token the views show; -1 when there is none. */
  get shownToken(): number {
    const { token, following } = this.selection;
    return following || token < 0 || token >= this.tokens ? this.tokens - 1 : token;
  }

  /** Place of a layer on the axis L; -1 for a layer without routed experts. */
  layerRow(layer: number): number {
    return this.facts ? this.facts.sparse_layers.indexOf(layer) : -1;
  }

  /** Text of tokens [start, end); bytes that are part of a character show as U+FFFD. */
  text(start: number, end = start + 1): string {
    const from = this.column("text_start").at(start);
    const to = this.column("text_end").at(Math.min(end, this.tokens) - 1);
    return Number.isNaN(from + to) ? "" : new TextDecoder().decode(this.column("text").rows(from, to) as Uint8Array);
  }

  /** Rows [start, end) of the reads of the pass that a token went through in. */
  readsOf(token: number): [number, number] {
    const pass = this.column("pass_start").at(token);
    const owner = this.column("read_token");
    return [lowerBound(owner, pass), lowerBound(owner, pass + 1)];
  }

  /** Take rows in; "gap": rows before them are missing, ask for all. */
  apply(chunk: Chunk): Applied {
    const place = JSON.parse(chunk.metadata.place) as Place;
    if (place.run !== this.place?.run) {
      if (!chunk.metadata.facts) return "gap";
      this.reset(JSON.parse(chunk.metadata.facts) as Facts);
    } else if (place.token_row > this.tokens) {
      return "gap";
    }
    const rows = chunk.tensors.get("token_id")?.shape[0] ?? 0;
    const ended = place.complete !== this.place?.complete;
    this.place = place;
    const before = this.tokens;
    if (place.token_row + rows > this.tokens || ended || rows === 0) this.take(chunk, place, rows);
    this.changed();
    return this.tokens > before || ended ? "applied" : "nothing new";
  }

  setResidency(layer: number, shares: Uint8Array): void {
    const row = this.layerRow(layer);
    if (row < 0 || !this.facts) return;
    this.residency.set(shares, row * this.facts.num_experts);
    this.changed();
  }

  select(change: Partial<Selection>): void {
    const now = { ...this.selection, ...change };
    const same = (Object.keys(now) as (keyof Selection)[]).every((name) => now[name] === this.selection[name]);
    if (same) return;
    Object.assign(this.selection, change);
    this.changed();
  }

  /** Called after anything changed; returns the end of it. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed(): void {
    for (const listener of this.listeners) listener();
  }

  /** Called with every part of one kind, such as the answer to a command. */
  onPart(kind: string, handler: PartHandler): () => void {
    const handlers = this.handlers.get(kind) ?? new Set();
    this.handlers.set(kind, handlers.add(handler));
    const kept = this.kept.get(kind);
    if (kept) handler(kept, []);
    return () => handlers.delete(handler);
  }

  /** Whether a part of this kind was kept. */
  keeps(kind: string): boolean {
    return this.kept.has(kind);
  }

  /** As `hand`, also to those who ask later. */
  keep(part: Part): void {
    this.kept.set(part.kind, part);
    this.hand(part, []);
  }

  hand(part: Part, buffers: DataView[]): void {
    for (const handler of this.handlers.get(part.kind) ?? []) handler(part, buffers);
    this.changed();
  }

  private reset(facts: Facts): void {
    const cells = facts.sparse_layers.length * facts.num_experts;
    this.facts = facts;
    this.place = null;
    this.tokens = this.reads = 0;
    this.columns = new Map();
    this.countsBefore = new Uint32Array(cells);
    this.residency = new Uint8Array(cells).fill(UNKNOWN_RESIDENCY);
    this.error = "";
  }

  private take(chunk: Chunk, place: Place, rows: number): void {
    const counts = chunk.tensors.get("counts_before");
    if (counts && place.routed_row > this.column("expert_ids").end) this.countsBefore.set(counts.values);
    for (const [name, tensor] of chunk.tensors) {
      if (name === "counts_before") continue;
      if (this.column(name).end === 0) this.columns.set(name, newColumn(tensor));
      this.put(name, startOf(name, place), tensor.values);
    }
    this.tokens = Math.max(this.tokens, place.token_row + rows);
    this.reads = this.column("read_token").end;
  }

  /** Routing that the browser lets go of is counted first. */
  private put(name: string, row: number, values: Values): void {
    const column = this.column(name);
    if (name !== "expert_ids") {
      column.append(row, values);
      return;
    }
    const [first, ids] = [column.first, column.rows(column.first, column.end)];
    column.append(row, values);
    if (column.first > first && column.first < row) this.count(ids.subarray(0, (column.first - first) * column.width));
  }

  private count(ids: Values): void {
    const { num_experts, sparse_layers } = this.facts!;
    for (let i = 0; i < ids.length; i++) {
      const layer = Math.floor(i / this.keptExperts) % sparse_layers.length;
      if (ids[i] < num_experts) this.countsBefore[layer * num_experts + ids[i]]++;
    }
  }
}

const ROUTED = new Set(["expert_ids", "routing_weights", "router_entropy", "kept_mass", "router_margin"]);

function startOf(name: string, place: Place): number {
  if (name === "text") return place.text_byte;
  if (name.startsWith("read_")) return place.read_row;
  if (name.startsWith("patch_")) return place.patch_row;
  return ROUTED.has(name) || name.startsWith("layer_") ? place.routed_row : place.token_row;
}

function newColumn(tensor: Tensor): Column {
  const width = tensor.shape.slice(1).reduce((product, size) => product * size, 1);
  return new Column(tensor.values.slice(0, 0), width);
}

/** First row of an ascending column that is not below `value`. */
export function lowerBound(column: Column, value: number): number {
  let [low, high] = [column.first, column.end];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column.at(middle) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
