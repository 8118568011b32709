import { expect, test } from "vitest";
import { FULL, knownCount, lastRead, quantized, residentBytes, shareText } from "../src/residency";
import { cellUnder, gridOf, LEFT, mapPlan, rowUnder } from "../src/residency_map";
import { UNKNOWN_RESIDENCY } from "../src/store";
import { Usage } from "../src/usage";
import { storeOf } from "./made_run";

test("nothing, all and unknown stay apart", () => {
  expect([0, 1e-6, 0.5, 0.9999, 1].map(quantized)).toEqual([0, 1, 127, 253, FULL]);
  expect([0, 127, FULL, UNKNOWN_RESIDENCY].map(shareText)).toEqual([
    "not resident",
    "50.0 % of its pages resident",
    "resident",
    "unknown",
  ]);
});

test("unknown experts count for nothing", () => {
  const shares = Uint8Array.of(0, FULL, UNKNOWN_RESIDENCY, 127);
  expect(residentBytes(shares, 1000)).toBe(1500);
  expect(knownCount(shares)).toBe(3);
});

test("of a trace the last read before the shown token tells", () => {
  const store = storeOf(4);
  store.column("read_resident_fraction_before").append(
    0,
    Float32Array.from({ length: 16 }, (_, n) => (n < 8 ? 0 : 1)),
  );
  const usage = new Usage();
  const shares = () => [...lastRead(store, usage).shares.subarray(0, 5)];
  // Layer 0: token t read experts t and t + 1; tokens 2 and 3 found theirs resident.
  expect(shares()).toEqual([0, 0, FULL, FULL, FULL]);
  store.select({ token: 1, following: false });
  expect(shares()).toEqual([0, 0, 0, UNKNOWN_RESIDENCY, UNKNOWN_RESIDENCY]);
});

test("places on the map and among the cells are found again", () => {
  const plan = mapPlan(3, 8, LEFT + 54 + 80, 10);
  expect(rowUnder(plan, LEFT + 35, 2 + 15)).toEqual([1, 3]);
  expect(rowUnder(plan, 5, 2 + 15)).toEqual([1, -1]);
  expect(rowUnder(plan, LEFT + 35, 40)).toEqual([-1, -1]);
  for (const width of [600, 1100, 2000]) {
    const grid = gridOf(512, width);
    expect(LEFT + grid.columns * grid.size).toBeLessThanOrEqual(width);
    const [column, row] = [3, 2];
    const expert = row * grid.columns + column;
    expect(cellUnder(grid, LEFT + (column + 0.5) * grid.size, (row + 0.5) * grid.size)).toBe(expert);
    expect(cellUnder(grid, LEFT - 3, 5)).toBe(-1);
  }
});
