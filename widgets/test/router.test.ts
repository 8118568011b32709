import { expect, test } from "vitest";
import { describe } from "../src/router_tip";
import { RunStore } from "../src/store";
import { chosenAgain, heatAt, Usage } from "../src/usage";
import { brushed, everything, isEverything, zoomed } from "../src/zoom";
import { chosen, EXPERTS, rows, storeOf } from "./made_run";

function countsOf(last: number): number[] {
  const counts = Array(2 * EXPERTS).fill(0);
  for (let token = 0; token <= last; token++) {
    for (const row of [0, 1]) for (const expert of chosen(token, row)) counts[row * EXPERTS + expert]++;
  }
  return counts;
}

test("usage goes forward, back and over what was left out alike", () => {
  const store = storeOf(20);
  const usage = new Usage();
  for (const token of [3, 4, 19, 7, 7, 8]) {
    usage.upTo(store, token);
    expect([...usage.counts]).toEqual(countsOf(token));
  }
  expect(usage.lastToken[chosen(8, 1)[0] + EXPERTS]).toBe(8);
  const cut = new RunStore();
  cut.apply(rows(0, 20, { routed: 12 }));
  usage.upTo(cut, 19);
  expect([...usage.counts]).toEqual(countsOf(19));
});

test("the last read is that of the newest pass so far", () => {
  const store = storeOf(20);
  const usage = new Usage();
  usage.upTo(store, 9);
  const read = usage.lastRead[EXPERTS + chosen(9, 1)[0]];
  expect(store.column("read_token").at(read)).toBe(9);
  expect(store.column("read_source").at(read)).toBe(2);
});

test("the last read is found where the routing was let go of", () => {
  const cut = new RunStore();
  cut.apply(rows(0, 20, { routed: 12 }));
  const usage = new Usage();
  usage.upTo(cut, 3);
  const expert = chosen(3, 1)[1];
  expect(cut.column("read_token").at(usage.lastRead[EXPERTS + expert])).toBe(3);
});

test("what fills up a row is no expert", () => {
  const store = storeOf(20);
  store.column("expert_ids").rows(4).fill(65535, 1, 2); // token 4 chose one expert in layer 0
  store.column("expert_ids").rows(5).fill(65535, 1, 2); // and token 5
  expect([...store.chosen(5, 0)]).toEqual([5]);
  expect([...store.chosen(5, 1)]).toEqual(chosen(5, 1));
  expect(chosenAgain(store, 5)).toEqual({ chosen: 3, again: 1 }); // 5 is new in layer 0, 6 old in layer 1
  expect(chosenAgain(store, 0)).toBeNull();
  const usage = new Usage();
  usage.upTo(store, 5);
  expect(describe(store, usage, 5, { row: 0, expert: 5 })).toContain("rank 1 of 1, weight");
  expect(describe(store, usage, 5, { row: 1, expert: 7 })).toContain("rank 2 of 2, weight");
});

test("heat is of the tokens before, the nearer the hotter", () => {
  const heat = heatAt(storeOf(20), 5, 0.5);
  const at = (token: number) => heat[chosen(token, 0)[0]];
  expect(at(4)).toBeCloseTo(0.5 + 0.25);
  expect(at(4)).toBeGreaterThan(at(3));
  expect(heat[chosen(5, 0)[1]]).toBe(0);
});

test("zooming keeps the expert in place and stays inside", () => {
  const all = everything(512, 8);
  const near = zoomed(all, 0.5, 511, 512);
  expect(near.experts).toEqual({ start: 256, end: 512 });
  expect(zoomed(near, 0.001, 300, 512).experts.end - zoomed(near, 0.001, 300, 512).experts.start).toBe(8);
  expect(zoomed(near, 100, 300, 512)).toEqual(all);
  expect(isEverything(near, 512, 8)).toBe(false);
  expect(isEverything(all, 512, 8)).toBe(true);
});

test("a brush shows what it covers, along the layers all experts", () => {
  const all = everything(512, 60);
  const from = { expert: 163, row: 4 };
  expect(brushed(all, from, { expert: 100, row: 2 })).toEqual({
    experts: { start: 100, end: 164 },
    rows: { start: 2, end: 5 },
  });
  expect(brushed(all, { expert: -1, row: 9 }, { expert: 3, row: 9 }, { layersOnly: true })).toEqual({
    experts: { start: 0, end: 512 },
    rows: { start: 9, end: 10 },
  });
  const narrow = brushed(all, { expert: 510, row: 1 }, { expert: 511, row: 1 });
  expect(narrow.experts.end - narrow.experts.start).toBeGreaterThanOrEqual(2);
  expect(narrow.experts.end).toBeLessThanOrEqual(512);
});
