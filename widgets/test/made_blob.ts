// Makes safetensors blobs for tests.

/** A safetensors blob, put at an odd offset of its buffer. */
export function blob(
  tensors: Record<string, { dtype: string; shape: number[]; values: ArrayBufferView }>,
  metadata: Record<string, string> = {},
): DataView {
  let at = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const [name, { dtype, shape, values }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + values.byteLength] };
    at += values.byteLength;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const made = new Uint8Array(1 + 8 + text.length + at);
  new DataView(made.buffer).setBigUint64(1, BigInt(text.length), true);
  made.set(text, 9);
  let place = 9 + text.length;
  for (const { values } of Object.values(tensors)) {
    made.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), place);
    place += values.byteLength;
  }
  return new DataView(made.buffer, 1);
}
