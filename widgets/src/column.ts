// A column that grows at its end and may let go of its oldest rows. Knows no meaning of its values.

import type { Values } from "./chunk";

/** A wide column lets go of its older half beyond this: an endless run must not fill the browser. */
export const COLUMN_BYTES = 96e6;

export class Column {
  /** Rows [first, end) are here. */
  first = 0;
  end = 0;
  private data: Values;

  constructor(
    empty: Values,
    /** Values a row. */
    readonly width: number,
    private readonly mostBytes = COLUMN_BYTES,
  ) {
    this.data = empty;
  }

  has(row: number): boolean {
    return row >= this.first && row < this.end;
  }

  /** One value; NaN where the row is not here. */
  at(row: number, index = 0): number {
    return this.has(row) ? this.data[(row - this.first) * this.width + index] : Number.NaN;
  }

  /** The values of rows [start, end), as far as they are here; a view, good until the next append. */
  rows(start: number, end = start + 1): Values {
    const from = Math.max(start, this.first) - this.first;
    const to = Math.min(end, this.end) - this.first;
    return this.data.subarray(from * this.width, Math.max(from, to) * this.width);
  }

  /** Put rows that start at number `row`; those already here are skipped, a gap forgets what was before it. */
  append(row: number, values: Values): void {
    const skip = Math.max(0, this.end - row);
    const rows = this.width ? values.length / this.width : 0;
    if (row > this.end) this.first = this.end = row;
    const fresh = values.subarray(skip * this.width);
    if (fresh.length === 0) return;
    this.reserve(fresh.length);
    this.data.set(fresh as never, (this.end - this.first) * this.width);
    this.end = row + rows;
  }

  private reserve(more: number): void {
    const used = (this.end - this.first) * this.width;
    if (used + more <= this.data.length) return;
    const kept = this.data.subarray(0, used);
    if ((used + more) * this.data.BYTES_PER_ELEMENT > this.mostBytes && this.width > 1) {
      const dropped = Math.floor((this.end - this.first) / 2);
      this.data = this.grown(kept.subarray(dropped * this.width), more);
      this.first += dropped;
    } else {
      this.data = this.grown(kept, Math.max(more, used));
    }
  }

  private grown(kept: Values, more: number): Values {
    const type = this.data.constructor as new (length: number) => Values;
    const data = new type(kept.length + more);
    data.set(kept as never);
    return data;
  }
}
