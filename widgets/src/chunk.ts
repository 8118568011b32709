// Reads one safetensors blob: 8 bytes of header length, a JSON header, arrays. Knows no meaning of the arrays.

export type Values = Float64Array | Float32Array | Int32Array | Int16Array | Uint32Array | Uint16Array | Uint8Array;

export interface Tensor {
  readonly shape: readonly number[];
  readonly values: Values;
}

export interface Chunk {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const TYPES = {
  F64: Float64Array,
  F32: Float32Array,
  I32: Int32Array,
  I16: Int16Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
} as const;

interface Entry {
  dtype: keyof typeof TYPES;
  shape: number[];
  data_offsets: [number, number];
}

/** Arrays are copied out, so they need no alignment in the blob and outlive it. */
export function parseChunk(blob: DataView): Chunk {
  const headerLength = Number(blob.getBigUint64(0, true));
  const header = new TextDecoder().decode(new Uint8Array(blob.buffer, blob.byteOffset + 8, headerLength));
  const entries: Record<string, Entry> = JSON.parse(header);
  const metadata = (entries.__metadata__ ?? {}) as unknown as Record<string, string>;
  const start = blob.byteOffset + 8 + headerLength;
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data_offsets: at }] of Object.entries(entries)) {
    if (name === "__metadata__") continue;
    const type = TYPES[dtype];
    if (!type)
      throw new Error(`array "${name}" has the type ${dtype}, expected one of ${Object.keys(TYPES).join(", ")}`);
    const values = new type(blob.buffer.slice(start + at[0], start + at[1]) as ArrayBuffer);
    tensors.set(name, { shape, values });
  }
  return { metadata, tensors };
}
