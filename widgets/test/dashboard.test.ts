import { expect, test } from "vitest";
import { linkTexts } from "../src/dashboard_chain";
import { type ReadSum, ReadSums } from "../src/reads";
import { RunStore } from "../src/store";
import { drawTogether } from "../src/view";
import { rows, storeOf } from "./made_run";

/** Reads of a megabyte in 2 ms, as many of its bytes hits as said. */
function sumsOf(hits: (token: number) => number): { of(token: number): ReadSum } {
  const sum = { reads: 4, bytes: 1e6, inferred: false, readMs: 2, ssdMs: 0, passMs: 8 };
  return { of: (token) => ({ ...sum, hitBytes: 1e6 * hits(token) }) };
}

test("the chain tells a token, its choices, its reads and what memory holds", () => {
  const store = storeOf(4);
  const sums = sumsOf((token) => (token === 2 ? 1 : 0.25));
  store.select({ token: 2, following: false });
  const [token, choices, reads, cache] = linkTexts(store, sums);
  expect(token).toContain("2 “c”");
  expect(choices).toBe("2 × 2 layers · 2 of 4 again"); // t and t + 1, then t + 1 and t + 2
  expect(reads).toBe("1.00 MB in 2.00 ms · 100.0 % hits");
  expect(cache).toBe("as the reads found it");
  store.setResidency(0, new Uint8Array(8).fill(254));
  expect(linkTexts(store, sums)[3]).toBe("8.00 kB of 16.0 kB · 50.0 %");
  store.select({ token: 3 });
  expect(linkTexts(store, sums)[2]).toContain("25.0 % hits");
});

test("the first token has none before it, and a run without tokens says so", () => {
  const store = storeOf(4);
  store.select({ token: 0, following: false });
  expect(linkTexts(store, new ReadSums(store))[1]).toBe("2 × 2 layers");
  const empty = new RunStore();
  empty.apply(rows(0, 0));
  expect(linkTexts(empty, new ReadSums(empty))[0]).toBe("none yet");
});

test("a frame that one view asked for draws that view alone", () => {
  const drawn: string[] = [];
  const view = (name: string, frames: number) => ({
    draw: () => drawn.push(name) > 0 && --frames > 0,
    destroy: () => undefined,
  });
  const draw = drawTogether([view("still", 0), view("glowing", 3)]);
  expect([draw(0, true), draw(1, false), draw(2, false)]).toEqual([true, true, false]);
  expect(drawn).toEqual(["still", "glowing", "glowing", "glowing"]);
  draw(3, true); // something changed: all of them
  expect(drawn.slice(4)).toEqual(["still", "glowing"]);
});
