import { expect, test } from "vitest";
import { Column } from "../src/column";
import { RunStore } from "../src/store";
import { chosen, rows, storeOf } from "./made_run";

test("chunks one after the other make the run", () => {
  const store = storeOf(3);
  expect(store.apply(rows(3, 5))).toBe("applied");
  expect([store.tokens, store.reads]).toEqual([5, 20]);
  expect([...store.column("expert_ids").rows(4)]).toEqual([...chosen(4, 0), ...chosen(4, 1)]);
  expect(store.text(1, 4)).toBe("bcd");
  expect(store.readsOf(4)).toEqual([16, 20]);
});

test("a gap asks for all, and the snapshot mends it", () => {
  const store = storeOf(3);
  expect(store.apply(rows(4, 6))).toBe("gap");
  expect(store.tokens).toBe(3);
  expect(store.apply(rows(0, 6))).toBe("applied");
  expect([...store.column("token_id").rows(0, 6)]).toEqual([0, 1, 2, 3, 4, 5]);
});

test("rows that are here already are skipped", () => {
  const store = storeOf(5);
  expect(store.apply(rows(2, 4))).toBe("nothing new");
  expect(store.apply(rows(3, 7))).toBe("applied");
  expect([...store.column("token_id").rows(0, 9)]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(store.reads).toBe(28);
});

test("another run starts anew, but only from its facts", () => {
  const store = storeOf(5);
  store.setResidency(2, new Uint8Array(8).fill(7));
  expect(store.apply(rows(5, 6, { run: "b" }))).toBe("gap");
  expect(store.tokens).toBe(5);
  expect(store.apply(rows(0, 2, { run: "b" }))).toBe("applied");
  expect([store.tokens, store.residency[8]]).toEqual([2, 255]);
});

test("a snapshot without old routing counts it", () => {
  const store = new RunStore();
  store.apply(rows(0, 10, { routed: 6 }));
  expect(store.routedFirst).toBe(6);
  expect(store.column("expert_ids").has(5)).toBe(false);
  expect(store.keptExperts).toBe(2);
  expect([...store.column("expert_ids").rows(6)]).toEqual([...chosen(6, 0), ...chosen(6, 1)]);
  expect([...store.countsBefore].reduce((a, b) => a + b)).toBe(6 * 4);
  expect(store.countsBefore[chosen(0, 0)[0]]).toBeGreaterThan(0);
});

test("the token shown follows, or is the selected one", () => {
  const store = storeOf(5);
  expect(store.shownToken).toBe(4);
  store.select({ token: 2 });
  expect(store.shownToken).toBe(4);
  store.select({ following: false });
  expect(store.shownToken).toBe(2);
  store.select({ token: 99 });
  expect(store.shownToken).toBe(4);
});

test("listeners hear changes, not repetitions", () => {
  const store = storeOf(5);
  let heard = 0;
  const end = store.onChange(() => heard++);
  store.select({ layer: 2 });
  store.select({ layer: 2 });
  expect(heard).toBe(1);
  end();
  store.select({ layer: 0 });
  expect(heard).toBe(1);
});

test("a layer is found by its number, residency lies by its row", () => {
  const store = storeOf(1);
  expect([store.layerRow(0), store.layerRow(1), store.layerRow(2)]).toEqual([0, -1, 1]);
  store.setResidency(2, new Uint8Array(8).fill(3));
  store.setResidency(1, new Uint8Array(8).fill(9));
  expect([...store.residency]).toEqual([...Array(8).fill(255), ...Array(8).fill(3)]);
});

test("a column lets go of its older half beyond its limit", () => {
  const column = new Column(new Uint16Array(0), 2, 64);
  for (let row = 0; row < 40; row++) column.append(row, Uint16Array.of(row, row));
  expect(column.end).toBe(40);
  expect(column.first).toBeGreaterThan(0);
  expect([...column.rows(39)]).toEqual([39, 39]);
  expect(column.at(0)).toBeNaN();
});
