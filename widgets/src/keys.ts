// The keyboard, the same in every widget: arrows move through tokens and layers, Esc clears.

import type { RunStore } from "./store";
import type { Send } from "./transport";

/** True when the key meant something. */
export function pressKey(event: KeyboardEvent, store: RunStore, send: Send): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const target = event.target as HTMLElement;
  const typing = target.closest("input, select, textarea") !== null;
  if (event.key === "Escape") {
    store.select({ layer: -1, expert: -1, token: -1, following: true });
  } else if (typing) {
    return false;
  } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    stepToken(store, event.key === "ArrowRight" ? 1 : -1);
  } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
    if (scrolls(target)) return false;
    stepLayer(store, event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === " " && !target.closest("button")) {
    send("toggle");
  } else {
    return false;
  }
  return true;
}

/** A box whose text is longer than it is high: there the arrows are the reader's. */
function scrolls(el: HTMLElement): boolean {
  const box = el.closest<HTMLElement>('[tabindex="0"]:not(.fm-root)');
  return box !== null && box.scrollHeight > box.clientHeight;
}

function stepToken(store: RunStore, by: number): void {
  const token = Math.max(0, Math.min(store.tokens - 1, store.shownToken + by));
  if (store.tokens) store.select({ token, following: false });
}

function stepLayer(store: RunStore, by: number): void {
  const layers = store.facts?.sparse_layers ?? [];
  if (layers.length === 0) return;
  const at = store.layerRow(store.selection.layer);
  const row = at < 0 ? (by > 0 ? 0 : layers.length - 1) : Math.max(0, Math.min(layers.length - 1, at + by));
  store.select({ layer: layers[row], expert: -1 });
}
