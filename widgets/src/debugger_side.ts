// What stands beside a value: breakpoints, the logit lens here, and the layer without and with its changes.

import { type Act, type Difference, type Report, type Show, shortNumber } from "./debugger_report";
import { button, make, setText } from "./dom";
import { percent, visible } from "./format";

export function makeBreakpoints(el: HTMLElement, act: Act): Show {
  const list = make("div", "fm-list", { "data-name": "breakpoints" });
  const [token, layer, expert] = ["token", "layer", "expert"].map((name) => whole(name));
  const stage = make("select", "", { "data-name": "break-stage", "aria-label": "stage" });
  const measure = make("select", "", { "data-name": "break-measure", "aria-label": "condition" });
  const above = make("input", "", { type: "number", step: "any", "data-name": "break-above", placeholder: "above" });
  const add = button("break", "add", "stop wherever all that is given holds", () => {
    const condition = measure.value && above.value ? { measure: measure.value, above: Number(above.value) } : {};
    const fields = { token: number(token), layer: number(layer), expert: number(expert), stage: stage.value || null };
    act("break", { ...fields, ...condition });
  });
  const clear = button("clear", "clear all", "remove all breakpoints", () => act("clear"));
  const form = make("div", "fm-row", {}, token, layer, expert, stage, measure, above, add, clear);
  el.append(list, form);
  return ({ facts }, fresh) => {
    if (!fresh) return;
    if (stage.childElementCount === 0) {
      stage.append(...["", ...facts.stages].map((value) => make("option", "", { value }, value || "any stage")));
      measure.append(...["", ...facts.measures].map((value) => make("option", "", { value }, value || "always")));
    }
    clear.disabled = facts.breakpoints.length === 0;
    const rows = facts.breakpoints.map(({ number, text }) => {
      const gone = button(`clear-${number}`, "×", `remove breakpoint ${text}`, () => act("clear", { number }));
      return make("div", "fm-row", {}, gone, text);
    });
    list.replaceChildren(
      ...(rows.length ? rows : [make("span", "fm-faint", {}, "no breakpoints: run goes to the end")]),
    );
  };
}

function whole(name: string): HTMLInputElement {
  const field = make("input", "fm-short", {
    type: "number",
    min: "0",
    "data-name": `break-${name}`,
    placeholder: name,
  });
  field.setAttribute("aria-label", `${name} to stop at`);
  return field;
}

function number(field: HTMLInputElement): number | null {
  return field.value === "" ? null : Number(field.value);
}

/** A button that stays pressed. */
function toggle(name: string, text: string, title: string, act: Act): HTMLButtonElement {
  const one: HTMLButtonElement = button(name, text, title, () =>
    act(name, { on: one.getAttribute("aria-pressed") !== "true" }),
  );
  return one;
}

export function makeLens(el: HTMLElement, act: Act): Show {
  const on = toggle("lens", "logit lens", "what would come next if the model ended here", act);
  const says = make("span", "fm-faint");
  const table = make("table", "fm-top", { "data-name": "lens-table" });
  el.append(make("div", "fm-row", {}, on, says), table);
  return ({ facts }, fresh) => {
    if (!fresh) return;
    const { lens, wanted } = facts;
    on.setAttribute("aria-pressed", String(wanted.lens));
    const at = lens ? `after ${lens.layer === null ? "" : `layer ${lens.layer}, `}${lens.stage}` : "";
    setText(says, wanted.lens ? at || "no residual stream yet" : "");
    table.replaceChildren(
      ...(lens?.tokens ?? []).map(({ text, id, share }) => {
        const bar = make("div", "fm-bar");
        bar.style.width = `${Math.round(share * 100)}px`;
        const cells = [make("td", "", {}, make("code", "", {}, visible(text) || `[${id}]`))];
        cells.push(make("td", "", {}, percent(share)), make("td", "fm-bars", {}, bar));
        return make("tr", "", {}, ...cells);
      }),
    );
  };
}

export function makeDifference(el: HTMLElement, act: Act): Show {
  const on = toggle("compare", "before and after", "run this layer without and with its changes, on copies", act);
  const says = make("div", "fm-says", { "data-name": "difference-says" });
  const [stages, most] = [make("table", "fm-top", { "data-name": "difference" }), make("table", "fm-top")];
  el.append(make("div", "fm-row", {}, on), says, make("div", "fm-pair", {}, stages, most));
  return ({ facts }, fresh) => {
    if (!fresh) return;
    on.setAttribute("aria-pressed", String(facts.wanted.comparing));
    const difference = facts.difference;
    setText(says, difference ? describe(difference) : facts.wanted.comparing ? "step into a layer to compare it" : "");
    stages.replaceChildren(...(difference ? stageRows(difference) : []));
    most.replaceChildren(...(difference?.largest ? mostRows(difference) : []));
  };
}

function describe(difference: Difference): string {
  const output = difference.stages.find(({ name }) => name === "combine");
  const of = `layer ${difference.layer}, its output changed by ${percent(output?.relative ?? Number.NaN)}`;
  if (!difference.comparable) return `${of}; ${difference.name} has another shape`;
  return `${of}; ${difference.name}: cosine ${shortNumber(difference.cosine)}, largest change ${shortNumber(difference.largest)}`;
}

function stageRows({ stages }: Difference): HTMLElement[] {
  const changed = stages.filter(({ relative }) => relative !== 0);
  const rows = changed.map(({ name, relative }) => {
    const bar = make("div", "fm-bar");
    bar.style.width = `${Math.round(Math.min(1, relative ?? 1) * 80)}px`;
    const text = relative === null ? "other shape" : percent(relative);
    return make("tr", "", {}, ...[name, text].map((cell) => make("td", "", {}, cell)), make("td", "fm-bars", {}, bar));
  });
  const same = make(
    "tr",
    "",
    {},
    make("td", "", { colspan: "3" }, `${stages.length - changed.length} values are the same`),
  );
  return [make("tr", "", {}, ...["value", "change", ""].map((name) => make("th", "", {}, name))), ...rows, same];
}

function mostRows({ most, name }: Difference): HTMLElement[] {
  const header = ["place", "without", "with"].map((one) => make("th", "", {}, one));
  const rows = (most ?? []).map(([at, before, after]) => {
    const cells = [`${name}[${at}]`, shortNumber(before), shortNumber(after)];
    return make("tr", "", {}, ...cells.map((cell) => make("td", "", {}, cell)));
  });
  return [make("tr", "", {}, ...header), ...rows];
}

/** The report in a sentence, for screen readers and the status of the panel. */
export function saysPlace({ facts }: Report): string {
  if (facts.place) return facts.place.says;
  return facts.tokens.left
    ? "before the next token: step into it"
    : "all tokens are whole: add one, or give another prompt";
}
