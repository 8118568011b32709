// A debugger's panel: buttons to step, the layer as a diagram, the value, the router, lens, differences, breakpoints.

import css from "./debugger.css";
import { makeDiagram, makeLayers, makeTokens } from "./debugger_diagram";
import { type Act, type Report, readReport, type Show } from "./debugger_report";
import { makeRouter } from "./debugger_router";
import { makeBreakpoints, makeDifference, makeLens, saysPlace } from "./debugger_side";
import { makeValue } from "./debugger_value";
import { button, make, setText } from "./dom";
import { widget } from "./mount";
import type { RunStore } from "./store";
import type { MakeView } from "./view";

const STEPS = [
  ["back", "◂ stage", "one stage back (b)"],
  ["back_layer", "◂ layer", "to the layer's first stage, then to the one before (up)"],
  ["step", "stage ▸", "one stage on (s)"],
  ["layer", "layer ▸", "to the next layer (down)"],
  ["token", "token ▸", "to the next token (right)"],
  ["run", "run", "to the next breakpoint, or to the end of the tokens (r)"],
  ["grow", "+ token", "when all tokens are whole: add the likeliest next one and step into it"],
  ["halt", "halt", "stop a run at the end of the token at hand, and forget clicks that wait"],
] as const;

const KEYS: Record<string, string> = {
  s: "step",
  " ": "step",
  b: "back",
  r: "run",
  ArrowDown: "layer",
  ArrowUp: "back_layer",
  ArrowRight: "token",
  ArrowLeft: "back",
};

export const makeLayerDebugger: MakeView = (el, store, send) => {
  const act: Act = (command, args = {}) => send("debugger", { do: command, ...args });
  const root = make("div", "fm-debugger");
  el.append(make("style", "", {}, css), root);
  const bar = makeBar(root, act);
  const shows: Show[] = [makeTokens(root), makeLayers(root, act), makeDiagram(root, act)];
  const panes = make("div", "fm-panes");
  root.append(panes);
  for (const [title, of] of PANES) {
    const pane = make("section", "fm-pane", { "aria-label": title }, make("h4", "", {}, title));
    const inner = make("div", "");
    pane.append(inner);
    panes.append(pane);
    for (const one of of) shows.push(one(inner.appendChild(make("div", "")), act));
  }
  const [report, stop] = listen(store, bar);
  root.addEventListener("keydown", (event) => pressKey(event, act));
  let drawn = -1;
  return {
    draw() {
      const now = report();
      if (now === null) return undefined;
      const fresh = now.number !== drawn;
      drawn = now.number;
      const layer = now.facts.place?.layer ?? null;
      if (fresh && layer !== null) store.select({ layer }); // views linked with this one show it
      bar.show(now, store.connected);
      keepFocus(root, () => {
        for (const show of shows) show(now, fresh);
      });
      return undefined;
    },
    destroy: stop,
  };
};

const PANES: readonly (readonly [string, readonly ((el: HTMLElement, act: Act) => Show)[]])[] = [
  ["Value", [makeValue]],
  ["Router", [makeRouter]],
  ["Lens and difference", [makeLens, makeDifference]],
  ["Breakpoints", [makeBreakpoints]],
];

interface Bar {
  show(report: Report, connected: boolean): void;
  busy(doing: string): void;
}

function makeBar(root: HTMLElement, act: Act): Bar {
  const steps = make("div", "fm-row", { role: "toolbar", "aria-label": "steps" });
  const buttons = STEPS.map(([name, text, title]) => button(name, text, title, () => act(name)));
  const doing = make("span", "fm-faint", { "data-name": "doing" });
  steps.append(...buttons, doing);
  const prompt = make("input", "fm-grow", { type: "text", "data-name": "prompt", placeholder: "another prompt" });
  prompt.setAttribute("aria-label", "another prompt");
  const go = button("start", "step through it", "begin again with this prompt", () =>
    act("prompt", { text: prompt.value }),
  );
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter") go.click();
  });
  const place = make("div", "fm-place", { role: "status", "data-name": "place" });
  const error = make("div", "fm-error", { role: "alert", "data-name": "debugger-error" });
  root.append(steps, make("div", "fm-row", {}, prompt, go), place, error);
  return {
    show(report, connected) {
      setText(place, saysPlace(report));
      setText(error, report.facts.error);
      error.hidden = report.facts.error === "";
      for (const one of [...buttons, go]) one.disabled = !connected;
      place.dataset.number = String(report.number);
    },
    busy(text) {
      setText(doing, text);
    },
  };
}

/** The newest report, and the end of listening. */
function listen(store: RunStore, bar: Bar): [() => Report | null, () => void] {
  let newest: Report | null = null;
  const endings = [
    store.onPart("debugger", (part) => {
      if (part.number !== newest?.number) newest = readReport(part);
      bar.busy("");
    }),
    store.onPart("debugger_refused", ({ text }) => bar.busy(String(text))),
    store.onPart("debugger_busy", ({ doing, ahead }) => {
      bar.busy(`${doing} …${(ahead as number) > 0 ? ` ${ahead} before it` : ""}`);
    }),
  ];
  return [
    () => newest,
    () => {
      for (const end of endings) end();
    },
  ];
}

/** Keys of the panel; those typed into fields are the fields'. */
function pressKey(event: KeyboardEvent, act: Act): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea")) return;
  const command = KEYS[event.key];
  if (command === undefined || (event.key === " " && target.closest("button"))) return;
  act(command);
  event.preventDefault();
  event.stopPropagation();
}

/** A button that is made anew keeps the focus. */
function keepFocus(root: HTMLElement, change: () => void): void {
  const held = (document.activeElement as HTMLElement | null)?.dataset?.name;
  const had = root.contains(document.activeElement);
  change();
  if (had && held && !root.contains(document.activeElement)) {
    root.querySelector<HTMLElement>(`[data-name="${held}"]`)?.focus();
  }
}

export default widget({
  name: "LayerDebugger",
  hint: 'LayerDebugger(session, "a prompt")',
  make: makeLayerDebugger,
  ready: (store) => store.keeps("debugger"),
});
