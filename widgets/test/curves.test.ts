import { expect, test } from "vitest";
import {
  between,
  bytesAt,
  capacityAt,
  latencyOf,
  missedBytes,
  placeOf,
  type Sim,
  shareAt,
  tokensPerS,
} from "../src/curves";
import { niceEnd } from "../src/curves_plot";

const SIM: Sim = {
  policies: ["lru", "belady"],
  capacities: [4, 8, 16],
  hit_rates: [
    [0.2, 0.4, 0.8],
    [0.3, 0.7, 0.8],
  ],
  tokens: 100,
  warmup: 20,
  realised: 0.9,
  layers: 3,
  top_k: 4,
  expert_bytes: 1000,
  other_ms: 2,
  cache_bytes_per_s: 1e9,
  ssd_read_ns: 5000,
};

test("a curve is read between its sizes, and held at its ends", () => {
  expect(between(SIM.capacities, SIM.hit_rates[0], 8)).toBe(0.4);
  expect(between(SIM.capacities, SIM.hit_rates[0], Math.sqrt(32))).toBeCloseTo(0.3);
  expect(between(SIM.capacities, SIM.hit_rates[0], 1)).toBe(0.2);
  expect(between(SIM.capacities, SIM.hit_rates[0], 99)).toBe(0.8);
  expect(shareAt(SIM, "fifo", 8)).toBeNaN();
});

test("places along the axis are sizes and back", () => {
  expect(capacityAt(SIM, 0)).toBe(4);
  expect(capacityAt(SIM, 1)).toBe(16);
  expect(placeOf(SIM, capacityAt(SIM, 0.37))).toBeCloseTo(0.37);
  expect(bytesAt(SIM, 8)).toBe(24_000);
});

test("tokens a second are those of CacheSizes.tokens_per_s", () => {
  // 12 reads: of these 0.4 at 1 us and 0.6 at 2 us + 10 us.
  expect(tokensPerS(SIM, 0.4, 1e8, 0.002)).toBeCloseTo(1000 / (2 + 12 * (0.4 * 0.001 + 0.6 * 0.012)));
  expect(tokensPerS({ ...SIM, cache_bytes_per_s: null }, 1, 1e8, 0)).toBeCloseTo(500);
  expect(missedBytes(SIM, 0.75)).toBe(3000);
});

test("a miss waits what the run's own misses waited beside their bytes", () => {
  expect(latencyOf(SIM, 1e9)).toBeCloseTo(0.004);
  expect(latencyOf(SIM, 1e6)).toBe(0);
  expect(latencyOf({ ...SIM, ssd_read_ns: null }, 1e9)).toBe(0.025);
});

test("the axis ends at a number whose quarters are round", () => {
  expect([0.3, 1, 130, 401, 9].map(niceEnd)).toEqual([0.4, 1, 200, 800, 10]);
});
