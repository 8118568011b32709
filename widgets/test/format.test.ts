import { expect, test } from "vitest";
import { byteText, msText, three } from "../src/format";

test("three digits, and never an exponent", () => {
  expect([0.5, 12.34, 999.4, 999.5, 1234, 1e6].map(three)).toEqual(["0.500", "12.3", "999", "1000", "1234", "1000000"]);
  expect([999.6, 1000, 0.9996].map(msText)).toEqual(["1000 ms", "1.00 s", "1000 µs"]);
  expect([999_600, 7_077_888].map(byteText)).toEqual(["1000 kB", "7.08 MB"]);
});
