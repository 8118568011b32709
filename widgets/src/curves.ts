// Curves over cache sizes: read between the sizes tried, and turned into tokens a second. Draws nothing.

/** flashmoe_nb/widgets/cache_sim.py sends it, from `observe.cache_sizes.CacheSizes`. */
export interface Sim {
  readonly policies: readonly string[];
  /** Experts a layer, growing. */
  readonly capacities: readonly number[];
  /** [policy][capacity] */
  readonly hit_rates: readonly (readonly number[])[];
  readonly tokens: number;
  readonly warmup: number;
  readonly realised: number | null;
  readonly layers: number;
  readonly top_k: number;
  readonly expert_bytes: number;
  readonly other_ms: number;
  readonly cache_bytes_per_s: number | null;
  readonly ssd_read_ns: number | null;
}

/** A miss waits so long where the run had none. */
const USUAL_LATENCY_MS = 0.025;

/** Value of a curve at a size: straight between neighbours, along the size's logarithm. */
export function between(capacities: readonly number[], values: readonly number[], capacity: number): number {
  const high = capacities.findIndex((one) => capacity <= one);
  if (high < 0) return values[values.length - 1];
  if (high === 0) return values[0];
  const [from, to] = [capacities[high - 1], capacities[high]];
  const share = Math.log(capacity / from) / Math.log(to / from);
  return values[high - 1] * (1 - share) + values[high] * share;
}

/** Hit rate of a policy at a size; NaN for a policy that was not replayed. */
export function shareAt(sim: Sim, policy: string, capacity: number): number {
  const values = sim.hit_rates[sim.policies.indexOf(policy)];
  return values ? between(sim.capacities, values, capacity) : Number.NaN;
}

/** Size at a place 0 to 1 along a logarithmic axis, and the other way round. */
export function capacityAt(sim: Sim, place: number): number {
  const [from, to] = [sim.capacities[0], sim.capacities[sim.capacities.length - 1]];
  return from * (to / from) ** place;
}

export function placeOf(sim: Sim, capacity: number): number {
  const [from, to] = [sim.capacities[0], sim.capacities[sim.capacities.length - 1]];
  return to > from ? Math.log(capacity / from) / Math.log(to / from) : 0;
}

/** Bytes of a cache of so many experts a layer. */
export function bytesAt(sim: Sim, capacity: number): number {
  return Math.round(capacity) * sim.layers * sim.expert_bytes;
}

/** Bytes a token reads from the SSD. */
export function missedBytes(sim: Sim, hitRate: number): number {
  return (1 - hitRate) * sim.layers * sim.top_k * sim.expert_bytes;
}

/** As `CacheSizes.tokens_per_s`. */
export function tokensPerS(sim: Sim, hitRate: number, ssdBytesPerS: number, latencyMs: number): number {
  const cachedMs = sim.cache_bytes_per_s === null ? 0 : (sim.expert_bytes / sim.cache_bytes_per_s) * 1e3;
  const missedMs = latencyMs + (sim.expert_bytes / ssdBytesPerS) * 1e3;
  const readMs = hitRate * cachedMs + (1 - hitRate) * missedMs;
  return 1e3 / (sim.other_ms + sim.layers * sim.top_k * readMs);
}

/** What the run's own misses waited beside their bytes. */
export function latencyOf(sim: Sim, ssdBytesPerS: number): number {
  if (sim.ssd_read_ns === null) return USUAL_LATENCY_MS;
  return Math.max(0, sim.ssd_read_ns / 1e6 - (sim.expert_bytes / ssdBytesPerS) * 1e3);
}
