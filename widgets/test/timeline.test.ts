import { expect, test } from "vitest";
import type { Read } from "../src/reads";
import { barEnd, barWindow } from "../src/timeline_bars";
import { gapsOf } from "../src/timeline_compute";
import { LEFT, laneLayout, layerSpan, tailsOf, ticks } from "../src/timeline_lanes";

function read(row: number, layer: number, start: number, end: number, thread = 0): Read {
  return { row, layer, expert: row, thread, bytes: 100, start, end, before: 1, source: 0 };
}

const READS = [read(0, 3, 12, 14), read(1, 3, 12, 20, 1), read(2, 5, 31, 32), read(3, 5, 30, 31, 2)];

test("in the token every read keeps its distance from the token's start", () => {
  const plan = laneLayout(READS, [10, 40], "token", null, 1000);
  expect(plan.span).toEqual([0, 30]);
  expect(plan.x(0)).toBe(LEFT);
  expect(plan.timeAt(plan.x(17))).toBeCloseTo(17);
  expect([plan.zero.get(3), plan.zero.get(5), plan.threads]).toEqual([10, 10, 3]);
});

test("in the layer time starts with its first read", () => {
  const plan = laneLayout(READS, [10, 40], "layer", null, 1000);
  expect([plan.zero.get(3), plan.zero.get(5)]).toEqual([12, 30]);
  expect(plan.span).toEqual([0, 8]);
});

test("a zoom shows a part, and nothing to show is no error", () => {
  const plan = laneLayout(READS, [10, 40], "token", [2, 4], 1000);
  expect(plan.x(2)).toBe(LEFT);
  expect(laneLayout([], [Number.NaN, Number.NaN], "token", null, 1000).span).toEqual([0, 1]);
});

test("the zoom to a layer holds its reads, or those of the slowest read's layer", () => {
  const plan = laneLayout(READS, [10, 40], "token", null, 1000);
  expect(layerSpan(plan, 5)).toEqual([20 - 0.3, 22 + 0.3]);
  expect(layerSpan(plan, -1)).toEqual([2 - 1.2, 10 + 1.2]);
  expect(layerSpan(laneLayout([], [10, 40], "token", null, 1000), 5)).toBe(null);
});

test("the read that ends last is its layer's tail", () => {
  expect([...tailsOf(READS)].sort()).toEqual([1, 2]);
});

test("gaps are the times without a read", () => {
  expect(gapsOf(READS, [10, 40])).toEqual([
    [10, 12],
    [20, 30],
    [32, 40],
  ]);
  expect(gapsOf([], [10, 40])).toEqual([[10, 40]]);
});

test("ticks are round and inside", () => {
  expect(ticks([0, 3.23], 6)).toEqual([0, 1, 2, 3]);
  expect(ticks([0.12, 0.31], 4)).toEqual([0.15, 0.2, 0.25, 0.3]);
});

test("bars show the newest tokens, or those around the chosen one", () => {
  const room = 46 + 12 + 6 * 10;
  expect(barWindow(5, 4, room)).toEqual([0, 5]);
  expect(barWindow(100, 99, room)).toEqual([90, 10]);
  expect(barWindow(100, 50, room)).toEqual([43, 10]);
  expect(barWindow(100, 0, room)).toEqual([0, 10]);
});

test("one long pass does not flatten the other bars", () => {
  expect(barEnd([3, 3, 3, 500])).toBe(9);
  expect(barEnd([3, 4])).toBe(4);
  expect(barEnd([])).toBeGreaterThan(0);
});
