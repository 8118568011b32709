// A run replayed with caches of every size: hit rate and tokens a second over the size, by policy. A slider picks a size.

import styles from "./cache_sim.css";
import { makeSheet } from "./canvas";
import { SOURCES, themeOf } from "./colours";
import { bytesAt, capacityAt, latencyOf, missedBytes, type Sim, shareAt, tokensPerS } from "./curves";
import { drawCurves } from "./curves_plot";
import { button, make, setText } from "./dom";
import { byteText, percent, three } from "./format";
import { widget } from "./mount";
import type { MakeView, View } from "./view";

export const POLICY_NAMES: Readonly<Record<string, string>> = {
  lru: "LRU",
  lfu: "LFU",
  fifo: "FIFO",
  belady: "oracle (Belady)",
};
export const POLICY_COLOURS: Readonly<Record<string, string>> = {
  lru: SOURCES.mark,
  lfu: SOURCES.cache,
  fifo: SOURCES.partly,
  belady: SOURCES.ssd,
};

export const makeCacheSim: MakeView = (el, store, send): View => {
  let sim: Sim | null = null;
  let note = "";
  const shown = new Set(["lru", "lfu", "belady"]);
  const size = slider("size", "Size of the cache");
  const speed = slider("ssd", "Speed of the SSD");
  [size.value, speed.value] = ["0.6", "0.5"];
  const latency = make("input", "", { type: "number", min: "0", step: "any", "data-name": "latency" });
  latency.setAttribute("aria-label", "Microseconds a miss waits beside its bytes");
  const again = button("replay", "Replay", "Replay the tokens decoded so far", () => send("replay"));
  const sizeText = make("output", "fm-value", { "data-name": "size_text" });
  const speedText = make("output", "fm-value", { "data-name": "ssd_text" });
  const policies = make("span", "fm-row");
  const table = make("table", "", { "data-name": "table" });
  const says = make("div", "fm-says", { "data-name": "says" });
  const plot = make("div", "");
  const controls = make("div", "fm-row", {}, make("label", "", {}, "Cache ", size, " ", sizeText));
  controls.append(
    make("label", "", {}, "SSD ", speed, " ", speedText),
    make("label", "", {}, latency, " µs a miss"),
    again,
  );
  el.append(make("style", "", {}, styles), controls, policies, plot, table, says);
  const sheet = makeSheet(plot, "Hit rate and tokens a second over the size of the cache");
  for (const input of [size, speed, latency]) input.addEventListener("input", () => store.changed());

  const end = store.onPart("cache_sim", (part) => {
    const fresh = sim === null;
    note = String(part.note ?? "");
    sim = (part.sim as Sim | null) ?? null;
    if (!sim) return;
    if (fresh) latency.value = String(Number((latencyOf(sim, ssdSpeed(speed)) * 1e3).toPrecision(2)));
    policies.replaceChildren(...sim.policies.map((policy) => policyBox(policy, shown, () => store.changed())));
  });

  return {
    draw() {
      again.disabled = !store.connected;
      el.classList.toggle("fm-without", sim === null);
      setText(says, sim ? saysText(sim, note) : note || "Not replayed yet.");
      if (!sim) return undefined;
      const capacity = capacityAt(sim, Number(size.value));
      const ssd = ssdSpeed(speed);
      const wait = Math.max(0, Number(latency.value) || 0) / 1e3;
      setText(sizeText, `${byteText(bytesAt(sim, capacity))} = ${Math.round(capacity)} experts a layer`);
      setText(speedText, `${byteText(ssd)}/s`);
      Object.assign(el.dataset, { capacity: Math.round(capacity), ssd });
      sheet.fit(plot.clientWidth < 700 ? 380 : 240);
      const chosen = sim.policies.filter((policy) => shown.has(policy));
      drawCurves(sheet, themeOf(el), sim, { chosen, capacity, ssd, wait, colours: POLICY_COLOURS });
      table.replaceChildren(...rows(sim, capacity, ssd, wait));
      return undefined;
    },
    destroy: end,
  };
};

function slider(name: string, label: string): HTMLInputElement {
  const input = make("input", "fm-slider", { type: "range", min: "0", max: "1", step: "0.002", "data-name": name });
  input.setAttribute("aria-label", label);
  return input;
}

/** 50 MB/s to 50 GB/s along a slider, in bytes a second; the middle is 1.6 GB/s. */
function ssdSpeed(input: HTMLInputElement): number {
  return 5e7 * 1000 ** Number(input.value);
}

function policyBox(policy: string, shown: Set<string>, changed: () => void): HTMLElement {
  const box = make("input", "", { type: "checkbox", "data-name": `policy_${policy}` });
  box.checked = shown.has(policy);
  box.addEventListener("change", () => {
    if (box.checked) shown.add(policy);
    else shown.delete(policy);
    changed();
  });
  const swatch = make("i", "fm-stroke");
  swatch.style.background = POLICY_COLOURS[policy] ?? SOURCES.unknown;
  return make("label", "", {}, box, " ", swatch, POLICY_NAMES[policy] ?? policy);
}

function rows(sim: Sim, capacity: number, ssd: number, wait: number): HTMLElement[] {
  const oracle = shareAt(sim, "belady", capacity);
  const head = ["at this size", "hit rate", "of the oracle's", "from SSD a token", "tokens/s"];
  const made = [make("tr", "", {}, ...head.map((text) => make("th", "", {}, text)))];
  for (const policy of sim.policies) {
    const hit = shareAt(sim, policy, capacity);
    made.push(rowOf(policy, POLICY_NAMES[policy] ?? policy, sim, hit, oracle, ssd, wait));
  }
  if (sim.realised !== null) {
    made.push(rowOf("realised", "realised (page cache)", sim, sim.realised, oracle, ssd, wait));
  }
  return made;
}

function rowOf(
  name: string,
  text: string,
  sim: Sim,
  hit: number,
  oracle: number,
  ssd: number,
  wait: number,
): HTMLTableRowElement {
  const values = [
    percent(hit),
    name === "realised" ? "" : percent(oracle > 0 ? hit / oracle : 1),
    byteText(Math.round(missedBytes(sim, hit))),
    three(tokensPerS(sim, hit, ssd, wait)),
  ];
  const cells = values.map((value) => make("td", "", {}, value));
  return make("tr", "", { "data-policy": name }, make("th", "", { scope: "row" }, text), ...cells);
}

function saysText(sim: Sim, note: string): string {
  const most = sim.hit_rates[sim.policies.indexOf("belady")]?.at(-1) ?? 1;
  const realised =
    sim.realised === null
      ? "What the page cache really held was not measured."
      : `The page cache really held ${percent(sim.realised)} of the bytes (later half of the run; unlike a replay it may not have been empty at the start).`;
  return (
    `${sim.tokens} decoded tokens replayed after ${sim.warmup} that filled the cache; a cache is per layer, all of one size. ` +
    `No cache hits more than ${percent(most)}: the rest are first uses. ${realised} ` +
    `Tokens/s: this run's time beside reads, and every miss in turn.${note ? ` ${note}` : ""}`
  );
}

export default widget({
  name: "CacheSim",
  hint: "CacheSim(session), or CacheSim(fm.load_trace(path))",
  make: makeCacheSim,
});
