// The pure parts of the debugger's panel.

import { expect, test } from "vitest";
import { readReport, shortNumber } from "../src/debugger_report";
import { readIds } from "../src/debugger_router";
import { saysPlace } from "../src/debugger_side";
import { blob } from "./made_blob";

test("numbers are short, whatever their size", () => {
  const shown = [0, 3, -12345, 0.5, 0.123456, 123.456, 1e-7, -2.5e9, Number.NaN, null, undefined].map(shortNumber);
  expect(shown).toEqual([
    "0",
    "3",
    "-12345",
    "0.5",
    "0.1235",
    "123.5",
    "1.00e-7",
    "-2500000000",
    "none",
    "none",
    "none",
  ]);
});

test("experts are read from whatever one types", () => {
  expect(readIds("3, 17;5 and 12")).toEqual([3, 17, 5, 12]);
  expect(readIds("none")).toEqual([]);
});

test("a report comes with its arrays, and without any", () => {
  const made = blob({ slice: { dtype: "F32", shape: [1, 2], values: new Float32Array([1.5, -2]) } });
  const chunk = btoa(String.fromCharCode(...new Uint8Array(made.buffer, made.byteOffset, made.byteLength)));
  const report = readReport({ kind: "debugger", number: 7, facts: {}, chunk });
  expect(report.number).toBe(7);
  expect([...report.arrays.get("slice")!.values]).toEqual([1.5, -2]);
  expect(readReport({ kind: "debugger", number: 8, facts: {}, chunk: "" }).arrays.size).toBe(0);
});

test("the place is said in words, also where there is none", () => {
  const says = (place: unknown, left: number) =>
    saysPlace({ number: 1, arrays: new Map(), facts: { place, tokens: { left } } as never });
  expect(says({ says: "token 0, embed" }, 3)).toBe("token 0, embed");
  expect(says(null, 3)).toContain("before the next token");
  expect(says(null, 0)).toContain("all tokens are whole");
});
