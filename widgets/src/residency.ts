// What is known of the page cache, as shares of experts: as it was swept, or as the reads of a run found it.

import { percent } from "./format";
import type { RunStore } from "./store";
import { UNKNOWN_RESIDENCY } from "./store";
import { NEVER, type Usage } from "./usage";

export const FULL = 254;

/** Shares 0 to 254 and 255 unknown, [L, E]. */
export interface Residency {
  readonly shares: Uint8Array;
  /** Asked of the system; else told by reads. */
  readonly swept: boolean;
}

/** What the reads up to the shown token found before each: the last of each expert counts, `usage` steps along. */
export function lastRead(store: RunStore, usage: Usage): Residency {
  const facts = store.facts!;
  const shares = new Uint8Array(facts.sparse_layers.length * facts.num_experts).fill(UNKNOWN_RESIDENCY);
  if (!facts.residency_per_expert) return { shares, swept: false };
  usage.upTo(store, store.shownToken);
  const before = store.column("read_resident_fraction_before");
  for (const [cell, read] of usage.lastRead.entries()) {
    const share = read === NEVER ? Number.NaN : before.at(read);
    if (!Number.isNaN(share)) shares[cell] = quantized(share);
  }
  return { shares, swept: false };
}

/** 0 only for nothing, `FULL` only for all: flashmoe_nb/widgets/sweeper.py. */
export function quantized(share: number): number {
  if (share <= 0) return 0;
  return share >= 1 ? FULL : Math.max(1, Math.min(FULL - 1, Math.round(share * FULL)));
}

export function residentBytes(shares: Uint8Array, expertBytes: number): number {
  let sum = 0;
  for (const share of shares) if (share !== UNKNOWN_RESIDENCY) sum += share;
  return Math.round((sum / FULL) * expertBytes);
}

/** How many experts the system was asked about. */
export function knownCount(shares: Uint8Array): number {
  let found = 0;
  for (const share of shares) found += share === UNKNOWN_RESIDENCY ? 0 : 1;
  return found;
}

export function shareText(share: number): string {
  if (share === UNKNOWN_RESIDENCY) return "unknown";
  if (share === 0) return "not resident";
  return share === FULL ? "resident" : `${percent(share / FULL)} of its pages resident`;
}
