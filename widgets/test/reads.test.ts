import { expect, test } from "vitest";
import { measuresMemory } from "../src/limit";
import { addUp, busy, hitShare, type Read, ReadSums, readsOf, Source, sumOf } from "../src/reads";
import { rows, storeOf } from "./made_run";

function read(start: number, end: number, source: Source = Source.PAGE_CACHE, before = 1): Read {
  return { row: 0, layer: 0, expert: 0, thread: 0, bytes: 100, start, end, before, source };
}

test("parallel reads count once, gaps not at all", () => {
  const [late, first, inside] = [read(20, 22), read(0, 10), read(2, 4)];
  expect(busy([late, first, inside, read(8, 12)].map(({ start, end }) => [start, end]))).toBe(14);
  expect(busy([])).toBe(0);
});

test("a read counts as hit as far as the page cache held it", () => {
  expect(hitShare(read(0, 1, Source.PAGE_CACHE))).toBe(1);
  expect(hitShare(read(0, 1, Source.PARTLY, 0.25))).toBe(0.25);
  expect(hitShare(read(0, 1, Source.SSD, 0))).toBe(0);
  expect(hitShare(read(0, 1, Source.INFERRED_PAGE_CACHE, Number.NaN))).toBe(1);
  expect(hitShare(read(0, 1, Source.INFERRED_SSD, Number.NaN))).toBe(0);
});

test("sums tell reading from waiting for the SSD", () => {
  const sum = sumOf([read(0, 2), read(1, 5, Source.SSD, 0), read(4, 6, Source.PARTLY, 0.5)], 20);
  expect(sum).toEqual({ reads: 3, bytes: 300, hitBytes: 150, inferred: false, readMs: 6, ssdMs: 5, passMs: 20 });
  const both = addUp([sum, sumOf([read(0, 1, Source.INFERRED_SSD, Number.NaN)], 5)]);
  expect([both.bytes, both.hitBytes, both.readMs, both.ssdMs, both.passMs]).toEqual([400, 150, 7, 6, 25]);
  expect(both.inferred).toBe(true);
});

test("reads come from the store's columns, sums are kept until another run", () => {
  const store = storeOf(3);
  expect(readsOf(store, 1).map(({ layer, expert }) => [layer, expert])).toEqual([
    [0, 1],
    [0, 2],
    [2, 2],
    [2, 3],
  ]);
  expect(readsOf(store, 1)[0].source).toBe(Source.SSD);
  expect(readsOf(store, 7)).toEqual([]);
  const sums = new ReadSums(store);
  expect(sums.of(2).reads).toBe(4);
  expect(sums.of(2)).toBe(sums.of(2));
  const kept = sums.of(2);
  store.apply(rows(0, 3, { run: "b" }));
  expect(sums.of(2)).not.toBe(kept);
});

test("nearly all hits measure memory, unless the few misses take the time", () => {
  const sum = { reads: 9, bytes: 1000, hitBytes: 990, inferred: false, readMs: 1, ssdMs: 0.5, passMs: 100 };
  expect(measuresMemory(sum, 32)).toBe(true);
  expect(measuresMemory({ ...sum, ssdMs: 40 }, 32)).toBe(false);
  expect(measuresMemory({ ...sum, hitBytes: 900 }, 32)).toBe(false);
  expect(measuresMemory(sum, 3)).toBe(false);
});
