// Buttons that drop experts from the page cache or read them into it; dropping everything asks first.

import { button, make, setText } from "./dom";
import { byteText } from "./format";
import type { RunStore } from "./store";
import type { Send } from "./transport";

export interface Evictions {
  readonly buttons: readonly HTMLElement[];
  readonly question: HTMLElement;
  /** `layer`: the buttons are for; `able`: there is an engine to ask. */
  draw(layer: number, able: boolean, busy: boolean): void;
}

export function makeEvictions(store: RunStore, send: Send): Evictions {
  let shown = -1;
  const evictLayer = button("evict_layer", "", "Drop this layer's experts from the page cache", () =>
    send("evict", { layer: shown }),
  );
  const evictAll = button("evict_all", "Evict all …", "Drop every expert from the page cache; asks first", () => {
    question.hidden = false;
    sure.focus();
  });
  const warmLayer = button("warm_layer", "", "Read this layer's experts into the page cache", () =>
    send("warm", { layer: shown }),
  );
  const warmAll = button("warm_all", "Warm all", "Read every expert into the page cache, as far as it fits", () =>
    send("warm"),
  );
  const asked = make("span", "");
  const sure = button("evict_sure", "Evict all", "Drop every expert", () => {
    question.hidden = true;
    send("evict");
  });
  const keep = button("evict_keep", "Keep", "Leave the page cache as it is", () => {
    question.hidden = true;
    evictAll.focus();
  });
  const question = make("div", "fm-row fm-banner", { role: "alertdialog", "data-name": "question" }, asked, sure, keep);
  question.hidden = true;
  const buttons = [evictLayer, evictAll, warmLayer, warmAll];
  return {
    buttons,
    question,
    draw(layer, able, busy) {
      shown = layer;
      for (const one of [...buttons, sure]) one.disabled = busy;
      for (const one of buttons) one.hidden = !able;
      if (!able) question.hidden = true;
      setText(evictLayer, `Evict layer ${layer}`);
      setText(warmLayer, `Warm layer ${layer}`);
      const { expert_bytes, num_experts, sparse_layers } = store.facts!;
      const all = byteText(expert_bytes * num_experts * sparse_layers.length);
      setText(asked, `Drop all experts (${all}) from the page cache? The next tokens read them from the SSD again.`);
    },
  };
}
