import { expect, test } from "vitest";
import { type ChatFacts, type Entry, spansOf, takeTail } from "../src/chat_entries";

function entry(text: string, marks: [number, number][] = []): Entry {
  return { kind: "text", text, name: "", marks };
}

function facts(version: number, entries: Entry[]): ChatFacts {
  return { version, state: "answering", entries, settings: {}, tools: [], asked: null };
}

test("a text falls into its tokens by code points", () => {
  const spans = spansOf(
    entry("a😀b c", [
      [0, 7],
      [2, 8],
      [3, 9],
    ]),
  );
  expect(spans).toEqual([
    { said: "a😀", row: 7 },
    { said: "b", row: 8 },
    { said: " c", row: 9 },
  ]);
});

test("a text whose tokens nobody knows is one piece, an empty one none", () => {
  expect(spansOf(entry("hello"))).toEqual([{ said: "hello", row: -1 }]);
  expect(spansOf(entry(""))).toEqual([]);
  expect(spansOf(entry("", [[0, 3]]))).toEqual([]);
});

test("the last entry grows, a late or lonely one is not taken", () => {
  const known = facts(5, [entry("a")]);
  expect(takeTail(known, { version: 6, number: 0, entry: entry("ab") })).toBe(true);
  expect(takeTail(known, { version: 7, number: 1, entry: entry("c") })).toBe(true);
  expect(known.entries.map(({ text }) => text)).toEqual(["ab", "c"]);
  expect(takeTail(known, { version: 6, number: 1, entry: entry("late") })).toBe(false);
  expect(takeTail(known, { version: 9, number: 3, entry: entry("lonely") })).toBe(false);
  expect(known.entries.map(({ text }) => text)).toEqual(["ab", "c"]);
  expect(known.version).toBe(7);
});
