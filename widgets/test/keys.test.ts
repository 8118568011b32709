import { expect, test } from "vitest";
import { pressKey } from "../src/keys";
import { storeOf } from "./made_run";

/** Whether a key pressed in an element, inside a box of this much text, was taken. */
function taken(key: string, box: { scrollHeight: number; clientHeight: number } | null): boolean {
  const target = { closest: (selector: string) => (selector.includes("tabindex") ? box : null) };
  const event = { key, target } as unknown as KeyboardEvent;
  return pressKey(event, storeOf(4), () => undefined);
}

test("arrows up and down scroll a box that has more to show", () => {
  const [long, short] = [
    { scrollHeight: 500, clientHeight: 200 },
    { scrollHeight: 200, clientHeight: 200 },
  ];
  expect([taken("ArrowDown", long), taken("ArrowUp", long)]).toEqual([false, false]);
  expect([taken("ArrowDown", short), taken("ArrowDown", null)]).toEqual([true, true]);
  expect(taken("ArrowLeft", long)).toBe(true);
});
