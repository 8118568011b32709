// A saved page: the bundle finds its data in the document instead of a kernel. Written by flashmoe_nb/widgets/static_page.py.

import type { Widget } from "./mount";
import type { Model } from "./transport";

/** The element of a saved page that the widget goes into; a notebook has none. */
const PLACE = "fm-page";

let newest: (() => Widget) | undefined;

/** Shows the widget if this document is a saved page; in a bundle of several, that is the last: the one that composes. */
export function openPage(factory: () => Widget): void {
  newest = factory;
  queueMicrotask(() => {
    if (newest === factory) show(factory);
  });
}

function show(factory: () => Widget): void {
  const el = document.getElementById(PLACE);
  const data = document.getElementById(`${PLACE}-data`);
  if (!el || !data) return;
  const { traits, run } = JSON.parse(data.textContent ?? "{}") as { traits: Record<string, unknown>; run: string };
  const widget = factory();
  const model = pageModel({ ...traits, run: decode(run) });
  widget.initialize({ model });
  widget.render({ model, el });
}

function decode(base64: string): DataView {
  return new DataView(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)).buffer);
}

/** Traits that nobody else changes; what is sent goes nowhere. */
export function pageModel(traits: Record<string, unknown>): Model {
  return {
    get: (name) => traits[name],
    set: (name, value) => {
      traits[name] = value;
    },
    save_changes: () => undefined,
    send: () => undefined,
    on: () => undefined,
  };
}
