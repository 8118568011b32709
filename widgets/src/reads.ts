// Expert reads of a run: where each came from, and sums over those of a token. Draws nothing.

import { SOURCES } from "./colours";
import type { RunStore } from "./store";

/** As `ReadSource` of flashmoe_nb/observe/read_source.py. */
export const Source = { PAGE_CACHE: 0, PARTLY: 1, SSD: 2, INFERRED_PAGE_CACHE: 3, INFERRED_SSD: 4 } as const;
export type Source = (typeof Source)[keyof typeof Source];

export const SOURCE_NAMES = [
  "page cache",
  "partly page cache",
  "SSD",
  "page cache, inferred from its time",
  "SSD, inferred from its time",
] as const;

export const SOURCE_COLOURS = [SOURCES.cache, SOURCES.partly, SOURCES.ssd, SOURCES.cache, SOURCES.ssd] as const;

export interface Read {
  readonly row: number;
  readonly layer: number;
  readonly expert: number;
  readonly thread: number;
  readonly bytes: number;
  readonly start: number;
  readonly end: number;
  /** Share that the page cache held; NaN: not measured. */
  readonly before: number;
  readonly source: Source;
}

/** Share of a read that counts as a hit. */
export function hitShare(read: Read): number {
  if (read.source === Source.PARTLY) return read.before;
  return read.source === Source.PAGE_CACHE || read.source === Source.INFERRED_PAGE_CACHE ? 1 : 0;
}

export function isInferred(source: Source): boolean {
  return source >= Source.INFERRED_PAGE_CACHE;
}

/** Reads of the pass that a token went through in, as they were asked for. */
export function readsOf(store: RunStore, token: number): Read[] {
  const [first, last] = store.readsOf(token);
  return Array.from({ length: Math.max(0, last - first) }, (_, n) => readAt(store, first + n));
}

function readAt(store: RunStore, row: number): Read {
  const value = (name: string) => store.column(`read_${name}`).at(row);
  return {
    row,
    layer: value("layer"),
    expert: value("expert"),
    thread: value("thread"),
    bytes: value("bytes"),
    start: value("start_ms"),
    end: value("end_ms"),
    before: value("resident_fraction_before"),
    source: value("source") as Source,
  };
}

/** What one pass, or several, read. */
export interface ReadSum {
  readonly reads: number;
  readonly bytes: number;
  /** Bytes that the page cache held, measured or inferred. */
  readonly hitBytes: number;
  readonly inferred: boolean;
  /** Time in which at least one read ran. */
  readonly readMs: number;
  /** The same of reads that waited for the SSD. */
  readonly ssdMs: number;
  /** Of the passes themselves. */
  readonly passMs: number;
}

export function sumOf(reads: readonly Read[], passMs: number): ReadSum {
  const times = (some: readonly Read[]) => busy(some.map((read) => [read.start, read.end]));
  return {
    reads: reads.length,
    bytes: reads.reduce((total, read) => total + read.bytes, 0),
    hitBytes: reads.reduce((total, read) => total + read.bytes * hitShare(read), 0),
    inferred: reads.some((read) => isInferred(read.source)),
    readMs: times(reads),
    ssdMs: times(reads.filter((read) => hitShare(read) < 1)),
    passMs,
  };
}

export function addUp(sums: readonly ReadSum[]): ReadSum {
  const total = (name: "reads" | "bytes" | "hitBytes" | "readMs" | "ssdMs" | "passMs") =>
    sums.reduce((sum, one) => sum + one[name], 0);
  return {
    reads: total("reads"),
    bytes: total("bytes"),
    hitBytes: total("hitBytes"),
    inferred: sums.some((one) => one.inferred),
    readMs: total("readMs"),
    ssdMs: total("ssdMs"),
    passMs: total("passMs"),
  };
}

/** Time in which at least one interval runs: parallel ones count once. */
export function busy(intervals: readonly (readonly [start: number, end: number])[]): number {
  let [total, reached] = [0, Number.NEGATIVE_INFINITY];
  for (const [start, end] of [...intervals].sort((a, b) => a[0] - b[0])) {
    total += Math.max(0, end - Math.max(start, reached));
    reached = Math.max(reached, end);
  }
  return total;
}

/** Sums by pass, each made once: rows of a pass come together and do not change. */
export class ReadSums {
  private run = "";
  private readonly known = new Map<number, ReadSum>();

  constructor(private readonly store: RunStore) {}

  /** Of the pass that a token went through in. */
  of(token: number): ReadSum {
    const run = this.store.place?.run ?? "";
    if (run !== this.run) this.known.clear();
    this.run = run;
    const pass = this.store.column("pass_start").at(token);
    const found = this.known.get(pass);
    if (found) return found;
    const passMs = this.store.column("end_ms").at(token) - this.store.column("start_ms").at(token);
    const made = sumOf(readsOf(this.store, token), passMs);
    if (made.reads > 0) this.known.set(pass, made);
    return made;
  }

  /** Of the last passes up to a token that decoded one token each. */
  recent(token: number, passes: number): ReadSum[] {
    const found: ReadSum[] = [];
    for (let row = token; row >= 0 && found.length < passes; row--) {
      if (this.store.column("phase").at(row) === DECODE) found.push(this.of(row));
    }
    return found.reverse();
  }
}

/** Of the column `phase`. */
export const DECODE = 1;
