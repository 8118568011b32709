// Joins anywidget's model and a store: rows and parts in, acknowledgements, commands and the selection out.

import { parseChunk } from "./chunk";
import type { Part, RunStore, Selection } from "./store";

/** The part of anywidget's model that is used; page.ts has one without a kernel. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(event: string, callback: (...values: never[]) => void): void;
}

/** Ask Python for something: its `View.on_command(name)` runs; an answer comes as a part, see `store.onPart`. */
export type Send = (name: string, args?: Record<string, unknown>) => void;

/** What was drawn, told to Python with each acknowledgement. */
export interface Painted {
  token: number;
  frames: number;
  /** From the end of the newest token's pass to the frame that shows it, each newest token once. */
  latencies: number[];
}

interface Message {
  readonly seq: number;
  readonly parts: readonly (Part & { n_buffers: number })[];
}

const SELECTION = ["token", "layer", "expert", "following"] as const;

export class Transport {
  readonly painted: Painted = { token: -1, frames: 0, latencies: [] };
  private asked = false;
  private seq = 0;
  private toldPainted = -1;

  constructor(
    readonly model: Model,
    readonly store: RunStore,
  ) {
    model.on("msg:custom", (message: Message, buffers: DataView[]) => this.receive(message, buffers));
    model.on("change:run", () => this.load());
    model.on("change:state", () => this.kept());
    for (const name of SELECTION) model.on(`change:${name}`, () => this.selected([name]));
    model.on("comm_live_update", () => this.gone());
    this.load();
    this.kept();
    this.selected(SELECTION);
    store.onChange(() => this.publish());
    this.ask();
  }

  readonly send: Send = (name, args = {}) => {
    this.tell({ kind: "command", name, args });
  };

  /** The picture that stands for the view in a saved notebook, as PNG. */
  picture(png: ArrayBuffer): void {
    this.tell({ kind: "picture" }, [png]);
  }

  private tell(content: Record<string, unknown>, buffers: ArrayBuffer[] = []): void {
    if (!this.store.connected) return;
    try {
      this.model.send(content, undefined, buffers);
    } catch {
      this.gone(); // the kernel went since the last word from it
    }
  }

  private receive(message: Message, buffers: DataView[]): void {
    if (message?.parts === undefined) return;
    this.store.connected = true;
    let used = 0;
    for (const part of message.parts) {
      const own = buffers.slice(used, used + part.n_buffers);
      used += part.n_buffers;
      if (part.kind === "rows") this.rows(own[0]);
      else if (part.kind === "residency") this.store.setResidency(part.layer as number, bytes(own[0]));
      else this.other(part, own);
    }
    this.store.received.messages++;
    this.seq = message.seq;
    this.acknowledge();
  }

  /** Tell what was painted since, once it is quiet: the last message was acknowledged before its frame. */
  settle(): void {
    if (this.painted.token !== this.toldPainted) this.acknowledge();
  }

  private acknowledge(): void {
    const { token, frames, latencies } = this.painted;
    this.toldPainted = token;
    this.tell({ kind: "ack", seq: this.seq, painted: token, frames, latencies: latencies.splice(0) });
  }

  private rows(blob: DataView): void {
    const before = this.store.tokens;
    const applied = this.store.apply(parseChunk(blob));
    if (applied === "gap") this.ask();
    else this.asked = false;
    this.store.received.rows += Math.max(0, this.store.tokens - before);
  }

  private other(part: Part, buffers: DataView[]): void {
    if (part.kind === "hello") this.asked = false; // nothing is missing
    if (part.kind === "error") this.store.error = String(part.text);
    this.store.hand(part, buffers);
  }

  /** The synced trait: what a redraw needs, in a saved notebook or after a reload. */
  private load(): void {
    const blob = this.model.get("run") as DataView | null;
    if (!blob || blob.byteLength === 0) return;
    if (this.store.apply(parseChunk(blob)) === "applied") this.store.received.snapshots++;
  }

  /** Small parts that outlive a reload: `View.keep`. */
  private kept(): void {
    for (const part of Object.values((this.model.get("state") ?? {}) as Record<string, Part>)) this.store.keep(part);
  }

  private ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.model.send({ kind: "snapshot?", run: this.store.place?.run ?? "", tokens: this.store.tokens });
  }

  /** Only what changed: while `publish` sets one trait after the other, the later ones are still the old ones. */
  private selected(names: readonly (keyof Selection)[]): void {
    const found = Object.fromEntries(names.map((name) => [name, this.model.get(name)]));
    this.store.select(found as Partial<Selection>);
  }

  private publish(): void {
    const { model, store } = this;
    const changed = SELECTION.filter((name) => model.get(name) !== store.selection[name]);
    for (const name of changed) model.set(name, store.selection[name]);
    if (changed.length) model.save_changes();
  }

  /** The event only comes when the kernel goes: a new one has new models. */
  private gone(): void {
    this.store.connected = false;
    this.store.changed();
  }
}

export function bytes(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
