// How the experts were used up to a token: times, when last, and their last read. Steps forward with the run.

import type { RunStore } from "./store";

export const NEVER = -1;
/** Tokens back that still glow. */
const GLOWING = 28;

export class Usage {
  /** [L, E] each. */
  counts = new Uint32Array(0);
  lastToken = new Int32Array(0);
  /** Row of the read. */
  lastRead = new Int32Array(0);
  private next = 0;
  private run = "";

  /** As of a token, it included. */
  upTo(store: RunStore, token: number): void {
    const run = store.place?.run ?? "";
    const missed = store.routedFirst > this.next; // rows went before they were counted here
    if (run !== this.run || missed || token + 1 < this.next) this.restart(store, run);
    if (token < this.next) return;
    const first = Math.max(this.next, store.routedFirst);
    this.choose(store, first, token);
    this.read(store, this.next, token); // reads are kept longer than choices
    this.next = token + 1;
  }

  private restart(store: RunStore, run: string): void {
    this.run = run;
    this.next = 0;
    this.counts = Uint32Array.from(store.countsBefore);
    this.lastToken = new Int32Array(this.counts.length).fill(NEVER);
    this.lastRead = new Int32Array(this.counts.length).fill(NEVER);
  }

  private choose(store: RunStore, first: number, last: number): void {
    const experts = store.facts!.num_experts;
    const column = store.column("expert_ids");
    const kept = store.keptExperts;
    for (let token = first; token <= last; token++) {
      const ids = column.rows(token);
      for (let i = 0; i < ids.length; i++) {
        if (ids[i] >= experts) continue;
        const cell = Math.floor(i / kept) * experts + ids[i];
        this.counts[cell]++;
        this.lastToken[cell] = token;
      }
    }
  }

  /** Reads belong to the first token of their pass. */
  private read(store: RunStore, first: number, last: number): void {
    const experts = store.facts!.num_experts;
    const [layers, ids] = [store.column("read_layer"), store.column("read_expert")];
    const start = Math.max(store.readsOf(first)[0], layers.first);
    const end = store.readsOf(last)[1];
    for (let read = start; read < end; read++) {
      const row = store.layerRow(layers.at(read));
      if (row >= 0) this.lastRead[row * experts + ids.at(read)] = read;
    }
  }
}

/** Experts chosen for a token in all layers, and how many of them for the token before too; null: that is not here. */
export function chosenAgain(store: RunStore, token: number): { chosen: number; again: number } | null {
  if (!store.column("expert_ids").has(token - 1)) return null;
  let [chosen, again] = [0, 0];
  for (const row of store.facts!.sparse_layers.keys()) {
    const [now, before] = [store.chosen(token, row), store.chosen(token - 1, row)];
    chosen += now.length;
    for (const expert of now) if (before.indexOf(expert) >= 0) again++;
  }
  return { chosen, again };
}

/** The tokens before `token` glow: each weighs `decay` times the next one. Cells [L, E], about 0 to a few. */
export function heatAt(store: RunStore, token: number, decay: number): Float32Array {
  const { sparse_layers, num_experts } = store.facts!;
  const heat = new Float32Array(sparse_layers.length * num_experts);
  const column = store.column("expert_ids");
  const kept = store.keptExperts;
  for (let row = Math.max(column.first, token - GLOWING); row < token; row++) {
    const ids = column.rows(row);
    const weight = decay ** (token - row);
    for (let i = 0; i < ids.length; i++) {
      if (ids[i] < num_experts) heat[Math.floor(i / kept) * num_experts + ids[i]] += weight;
    }
  }
  return heat;
}
