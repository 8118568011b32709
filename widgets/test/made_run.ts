// Makes runs for tests: a small model's tokens with known choices.

import { type Chunk, parseChunk } from "../src/chunk";
import type { Facts, Place } from "../src/facts";
import { RunStore } from "../src/store";
import { blob } from "./made_blob";

export const LAYERS = 2;
export const EXPERTS = 8;
export const TOP_K = 2;

const facts: Facts = {
  model: "made-up",
  label: "made-up, top_k 2 of 8 experts",
  num_layers: 3,
  sparse_layers: [0, 2],
  num_experts: EXPERTS,
  top_k: TOP_K,
  own_top_k: TOP_K,
  expert_bytes: 1000,
  residency_per_expert: true,
  stages: [],
  machine: "a desk",
  started: "",
};

/** Token t chooses experts (t + layer row) % 8 and the next one; one read each, of the page cache for even tokens. */
export function chosen(token: number, row: number): [number, number] {
  return [(token + row) % EXPERTS, (token + row + 1) % EXPERTS];
}

interface Cut {
  run?: string;
  routed?: number;
  complete?: boolean;
  withFacts?: boolean;
}

/** Rows [start, end) as a chunk; routing from row `routed` on. */
export function rows(start: number, end: number, cut: Cut = {}): Chunk {
  return parseChunk(blobOf(start, end, cut));
}

/** The same, as it comes from Python. */
export function blobOf(
  start: number,
  end: number,
  { run = "a", routed = start, complete = true, withFacts }: Cut = {},
): DataView {
  const tokens = Array.from({ length: end - start }, (_, n) => start + n);
  const wide = tokens.filter((token) => token >= routed);
  const pairs = (token: number) => [chosen(token, 0), chosen(token, 1)];
  const i32 = (values: number[]) => ({ dtype: "I32", shape: [values.length], values: Int32Array.from(values) });
  const u16 = (values: number[], ...tail: number[]) => ({
    dtype: "U16",
    shape: [values.length / tail.reduce((a, b) => a * b, 1), ...tail],
    values: Uint16Array.from(values),
  });
  const owners = tokens.flatMap((token) => Array(LAYERS * TOP_K).fill(token));
  const place: Place = {
    run,
    complete,
    token_row: start,
    routed_row: routed,
    read_row: start * LAYERS * TOP_K,
    patch_row: 0,
    text_byte: start,
    epoch_ms: 0,
  };
  const counts = new Uint32Array(LAYERS * EXPERTS);
  for (let token = 0; token < routed; token++) {
    pairs(token).forEach((ids, row) => {
      for (const id of ids) counts[row * EXPERTS + id]++;
    });
  }
  return blob(
    {
      token_id: i32(tokens),
      text_start: i32(tokens),
      text_end: i32(tokens.map((token) => token + 1)),
      pass_start: i32(tokens),
      text: { dtype: "U8", shape: [tokens.length], values: Uint8Array.from(tokens, (token) => 97 + (token % 26)) },
      expert_ids: u16(
        wide.flatMap((token) => pairs(token).flat()),
        LAYERS,
        TOP_K,
      ),
      read_token: i32(owners),
      read_layer: u16(tokens.flatMap(() => [0, 0, 2, 2])),
      read_expert: u16(tokens.flatMap((token) => pairs(token).flat())),
      read_source: {
        dtype: "U8",
        shape: [owners.length],
        values: Uint8Array.from(owners, (token) => (token % 2 ? 2 : 0)),
      },
      ...(routed > start ? { counts_before: { dtype: "U32", shape: [LAYERS, EXPERTS], values: counts } } : {}),
    },
    { place: JSON.stringify(place), ...((withFacts ?? start === 0) ? { facts: JSON.stringify(facts) } : {}) },
  );
}

export function storeOf(tokens: number): RunStore {
  const store = new RunStore();
  store.apply(rows(0, tokens));
  return store;
}
