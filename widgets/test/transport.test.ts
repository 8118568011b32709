import { expect, test } from "vitest";
import { RunStore } from "../src/store";
import { type Model, Transport } from "../src/transport";
import { blobOf } from "./made_run";

/** A model as ipywidgets' is: `set` tells at once who listens. */
function fakeModel(traits: Record<string, unknown>) {
  const listeners = new Map<string, ((...values: unknown[]) => void)[]>();
  const sent: Record<string, unknown>[] = [];
  let saved = 0;
  const model: Model = {
    get: (name) => traits[name],
    set: (name, value) => {
      traits[name] = value;
      for (const listener of listeners.get(`change:${name}`) ?? []) listener();
    },
    save_changes: () => {
      saved++;
    },
    send: (content) => sent.push(content as Record<string, unknown>),
    on: (event, callback) => listeners.set(event, [...(listeners.get(event) ?? []), callback as never]),
  };
  const emit = (event: string, ...values: unknown[]) => {
    for (const listener of listeners.get(event) ?? []) listener(...values);
  };
  return { model, sent, traits, emit, saved: () => saved };
}

const unselected = () => ({ token: -1, layer: -1, expert: -1, following: true, run: null, state: {} });

test("several changes of the selection are published together, and none is lost", () => {
  const fake = fakeModel(unselected());
  const store = new RunStore();
  new Transport(fake.model, store);
  store.select({ token: 7, layer: 3, expert: 12, following: false });
  expect(store.selection).toEqual({ token: 7, layer: 3, expert: 12, following: false });
  expect(fake.traits).toMatchObject({ token: 7, layer: 3, expert: 12, following: false });
  expect(fake.saved()).toBeGreaterThan(0);
});

test("what another view selects arrives", () => {
  const fake = fakeModel(unselected());
  const store = new RunStore();
  new Transport(fake.model, store);
  fake.model.set("layer", 5);
  expect(store.selection.layer).toBe(5);
});

test("a new view asks for what it lacks, every message is acknowledged, parts reach who waits for them", () => {
  const fake = fakeModel(unselected());
  const store = new RunStore();
  new Transport(fake.model, store);
  expect(fake.sent).toEqual([{ kind: "snapshot?", run: "", tokens: 0 }]);
  expect(store.connected).toBe(false);
  const heard: unknown[] = [];
  store.onPart("router", (part, buffers) => heard.push(part.layer, buffers.length));
  const views = [new DataView(new ArrayBuffer(4)), new DataView(new ArrayBuffer(8))];
  const parts = [
    { kind: "hello", n_buffers: 1 },
    { kind: "router", layer: 2, n_buffers: 1 },
  ];
  fake.emit("msg:custom", { seq: 5, parts }, views);
  expect(heard).toEqual([2, 1]);
  expect(store.connected).toBe(true);
  expect(fake.sent[1]).toMatchObject({ kind: "ack", seq: 5 });
});

test("a gap asks again, also after nothing was missing at first", () => {
  const fake = fakeModel(unselected());
  const store = new RunStore();
  new Transport(fake.model, store);
  fake.emit("msg:custom", { seq: 1, parts: [{ kind: "hello", n_buffers: 0 }] }, []);
  fake.emit("msg:custom", { seq: 2, parts: [{ kind: "rows", n_buffers: 1 }] }, [blobOf(3, 5)]);
  fake.emit("msg:custom", { seq: 3, parts: [{ kind: "rows", n_buffers: 1 }] }, [blobOf(5, 6)]);
  expect(fake.sent.filter(({ kind }) => kind === "snapshot?").length).toBe(2);
  fake.emit("msg:custom", { seq: 4, parts: [{ kind: "rows", n_buffers: 1 }] }, [blobOf(0, 6)]);
  expect(store.tokens).toBe(6);
});

test("what was painted after the last message is told once", () => {
  const fake = fakeModel(unselected());
  const transport = new Transport(fake.model, new RunStore());
  fake.emit("msg:custom", { seq: 9, parts: [] }, []);
  transport.painted.token = 41;
  transport.settle();
  transport.settle();
  const acks = fake.sent.filter(({ kind }) => kind === "ack");
  expect(acks.map(({ seq, painted }) => [seq, painted])).toEqual([
    [9, -1],
    [9, 41],
  ]);
});

test("once the kernel is gone no command is sent", () => {
  const fake = fakeModel(unselected());
  const store = new RunStore();
  const transport = new Transport(fake.model, store);
  fake.emit("msg:custom", { seq: 1, parts: [] }, []);
  transport.send("pause");
  fake.emit("comm_live_update");
  transport.send("resume");
  expect(fake.sent.filter(({ kind }) => kind === "command").map(({ name }) => name)).toEqual(["pause"]);
});
