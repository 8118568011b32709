import { expect, test } from "vitest";
import { parseChunk } from "../src/chunk";
import { blob } from "./made_blob";

test("arrays come out whatever their place in the buffer", () => {
  const parsed = parseChunk(
    blob(
      {
        bytes: { dtype: "U8", shape: [3], values: Uint8Array.of(1, 2, 255) },
        times: { dtype: "F64", shape: [2], values: Float64Array.of(0.5, 1e9) },
        ids: { dtype: "U16", shape: [1, 2], values: Uint16Array.of(511, 65535) },
      },
      { place: "{}" },
    ),
  );
  expect([...parsed.tensors.get("bytes")!.values]).toEqual([1, 2, 255]);
  expect([...parsed.tensors.get("times")!.values]).toEqual([0.5, 1e9]);
  expect([...parsed.tensors.get("ids")!.values]).toEqual([511, 65535]);
  expect(parsed.tensors.get("ids")!.shape).toEqual([1, 2]);
  expect(parsed.metadata).toEqual({ place: "{}" });
});

test("an unknown type is named", () => {
  const made = blob({ x: { dtype: "I64", shape: [1], values: BigInt64Array.of(1n) } });
  expect(() => parseChunk(made)).toThrow('array "x" has the type I64');
});
