import { expect, test } from "vitest";
import { ReadSums } from "../src/reads";
import { RunStore } from "../src/store";
import { alternatives, MEASURES, passSize, scaleEnd, tokenText, WINDOW, windowOf } from "../src/token_measures";
import { storeOf } from "./made_run";

function storeWithPasses() {
  const store = storeOf(4);
  const ten = Math.log(0.1);
  store.column("phase").append(0, Float32Array.of(0, 1, 1, 1));
  store.column("token_logprob").append(0, Float32Array.of(Number.NaN, 0, ten, -1));
  return store;
}

test("measures say what they say", () => {
  const store = storeWithPasses();
  const sums = new ReadSums(store);
  const of = (name: string, token: number) => MEASURES.find((one) => one.name === name)!.of(store, sums, token);
  expect(of("surprise", 2)).toBeCloseTo(Math.log2(10), 5);
  expect(of("probability", 2)).toBeCloseTo(0.1, 5);
  expect(of("surprise", 0)).toBeNaN();
});

test("a prompt's tokens share a pass", () => {
  const store = new RunStore();
  store.column("phase").append(0, Float32Array.of(0, 0, 0, 1, 0));
  store.column("pass_start").append(0, Float32Array.of(0, 0, 0, 3, 4));
  expect([0, 1, 2, 3, 4].map((token) => passSize(store, token))).toEqual([3, 3, 3, 1, 1]);
});

test("a scale ends where nearly all values do", () => {
  expect(scaleEnd([...Array(99).fill(2), 500], null)).toBe(2);
  expect(scaleEnd([Number.NaN, 3], null)).toBe(3);
  expect(scaleEnd([], null)).toBe(1);
  expect(scaleEnd([0, 0], null)).toBe(1);
  expect(scaleEnd([7], 1)).toBe(1);
});

test("what is not known has no alternatives", () => {
  const store = storeOf(2);
  expect(alternatives(store, 1)).toEqual([]);
});

test("part of a character shows its bytes", () => {
  const store = storeOf(2);
  store.column("text").rows(0, 1)[0] = 0xc3;
  expect(tokenText(store, 0)).toBe("‹c3›");
  expect(tokenText(store, 1)).toBe("b");
});

test("the window holds the shown token", () => {
  expect(windowOf(100, 99)).toEqual([0, 100]);
  expect(windowOf(10_000, 9999)).toEqual([10_000 - WINDOW, 10_000]);
  for (const shown of [0, 700, 5000, 9999]) {
    const [first, end] = windowOf(10_000, shown);
    expect(end - first).toBe(WINDOW);
    expect(shown).toBeGreaterThanOrEqual(first);
    expect(shown).toBeLessThan(end);
  }
});
