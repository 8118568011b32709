// The value inspector: statistics, histogram, a slice as a picture, the largest entries, and buttons that change it.

import { makeSheet, PixelGrid, type Sheet } from "./canvas";
import { cividis, css, shade, themeOf } from "./colours";
import { type Act, type Report, type Show, shortNumber, type ValueFacts } from "./debugger_report";
import { button, make, setText } from "./dom";
import { byteText, count, msText, percent } from "./format";

const HISTOGRAM_PX = 72;

export function makeValue(el: HTMLElement, act: Act): Show {
  const pick = make("select", "fm-grow", { "data-name": "value", "aria-label": "value shown" });
  pick.addEventListener("change", () => act("look", { name: pick.value }));
  const facts = make("div", "fm-says", { "data-name": "value-facts" });
  const factor = make("input", "", { type: "number", step: "any", value: "2", "data-name": "factor" });
  factor.setAttribute("aria-label", "factor, or seed of the shuffle");
  const edits = make("div", "fm-row", {}, "change it:");
  for (const [how, title] of EDITS) {
    edits.append(button(`edit-${how}`, how, title, () => act("edit", { how, factor: Number(factor.value) })));
  }
  edits.append(factor);
  const rows = make("input", "fm-grow", { type: "range", min: "0", "data-name": "rows", "aria-label": "first row" });
  rows.addEventListener("change", () => act("look", { first_row: Number(rows.value) }));
  el.append(make("div", "fm-row", {}, pick), facts);
  const histogram = makeSheet(el, "histogram of the value");
  const picture = makeSheet(el, "slice of the value, dark is low");
  const says = make("div", "fm-faint");
  const top = make("table", "fm-top", { "data-name": "top" });
  const reads = make("table", "fm-top", { "data-name": "reads" });
  el.append(says, rows, edits, top, reads);
  const grid = new PixelGrid();
  return (report, fresh) => {
    const { value, reads: read } = report.facts;
    for (const one of [facts, histogram.canvas, picture.canvas, says, edits, top]) one.hidden = value === null;
    reads.hidden = read.length === 0;
    rows.hidden = value === null || value.rows <= 1 || report.arrays.get("slice")!.shape[0] === value.rows;
    if (fresh) {
      showNames(pick, report);
      setText(facts, value ? statistics(value) : "");
      top.replaceChildren(...(value ? topRows(report) : []));
      reads.replaceChildren(...readRows(report));
      rows.max = String(value ? value.rows - 1 : 0);
      rows.value = String(value ? value.first_row : 0);
    }
    if (value === null) return;
    drawHistogram(histogram, report, value);
    setText(says, drawSlice(picture, grid, report, value));
  };
}

const EDITS = [
  ["zero", "put noughts in its place"],
  ["scale", "multiply it by the factor"],
  ["shuffle", "mix its last axis up; the number is the seed"],
] as const;

function showNames(pick: HTMLSelectElement, { facts }: Report): void {
  const options = [["", "value of the stage"], ...facts.names.map((name) => [name, name])];
  pick.replaceChildren(...options.map(([value, text]) => make("option", "", { value }, text)));
  pick.value = facts.wanted.name;
}

function statistics(value: ValueFacts): string {
  const odd = value.n_not_finite ? ` · ${count(value.n_not_finite)} NOT FINITE` : "";
  const zero = value.n_zero ? ` · ${count(value.n_zero)} nought` : "";
  return (
    `${value.name} · [${value.shape.join(", ")}] ${value.dtype} · ${shortNumber(value.minimum)} to ${shortNumber(value.maximum)}` +
    ` · mean ${shortNumber(value.mean)} · std ${shortNumber(value.std)} · rms ${shortNumber(value.rms)}${zero}${odd}`
  );
}

function topRows({ arrays }: Report): HTMLElement[] {
  const [places, values] = [arrays.get("top_index")!, arrays.get("top_value")!.values];
  const axes = places.shape[1];
  const place = (at: number) => `[${Array.from(places.values.subarray(at * axes, (at + 1) * axes)).join(", ")}]`;
  const header = make("tr", "", {}, make("th", "", {}, "largest at"), make("th", "", {}, "value"));
  const rows = Array.from(values, (value, at) =>
    make("tr", "", {}, make("td", "", {}, place(at)), make("td", "", {}, shortNumber(value))),
  );
  return [header, ...rows];
}

function readRows({ facts }: Report): HTMLElement[] {
  if (facts.reads.length === 0) return [];
  const names = ["expert", "slot", "size", "took", "cached before"];
  const header = make("tr", "", {}, ...names.map((name) => make("th", "", {}, name)));
  const rows = facts.reads.map((read) => {
    const resident = read.resident === null ? "not measured" : percent(read.resident);
    const cells = [String(read.expert), String(read.slot), byteText(read.nbytes), msText(read.ms), resident];
    return make("tr", "", {}, ...cells.map((cell) => make("td", "", {}, cell)));
  });
  return [header, ...rows];
}

function drawHistogram(sheet: Sheet, { arrays }: Report, value: ValueFacts): void {
  sheet.fit(HISTOGRAM_PX);
  const { context, width, canvas } = sheet;
  const [theme, bins] = [themeOf(canvas), arrays.get("histogram")!.values];
  const most = Math.max(1, ...bins);
  const tall = HISTOGRAM_PX - 16;
  context.clearRect(0, 0, width, HISTOGRAM_PX);
  context.fillStyle = css(shade(cividis, theme.dark ? 0.75 : 0.35));
  bins.forEach((n, bin) => {
    const high = (Math.sqrt(n) / Math.sqrt(most)) * tall;
    context.fillRect((bin / bins.length) * width, tall - high, width / bins.length - 1, high);
  });
  context.fillStyle = theme.faint;
  context.font = `11px ${theme.font}`;
  context.textBaseline = "bottom";
  label(context, shortNumber(value.low), 0, "left");
  label(context, "counts, square root", width / 2, "center");
  label(context, shortNumber(value.high), width, "right");
}

function label(context: CanvasRenderingContext2D, text: string, x: number, align: CanvasTextAlign): void {
  context.textAlign = align;
  context.fillText(text, x, HISTOGRAM_PX);
}

/** The slice with one cell a value, symmetric about nought; returns what it shows in words. */
function drawSlice(sheet: Sheet, grid: PixelGrid, { arrays }: Report, value: ValueFacts): string {
  const { shape, values } = arrays.get("slice")!;
  const [rows, columns] = shape;
  const size = Math.max(Math.abs(value.minimum), Math.abs(value.maximum)) || 1;
  grid.fill(columns, rows, (cell) => {
    const one = values[cell];
    return Number.isFinite(one) ? shade(cividis, 0.5 + one / size / 2) : 0;
  });
  sheet.fit(Math.max(12, Math.min(220, rows * (rows > 24 ? 4 : 8))));
  sheet.context.clearRect(0, 0, sheet.width, sheet.height);
  sheet.context.imageSmoothingEnabled = false;
  sheet.context.drawImage(grid.canvas, 0, 0, sheet.width, sheet.height);
  const which = value.folded
    ? `one vector, ${value.columns} values a row`
    : `rows ${value.first_row} to ${value.first_row + rows - 1} of ${value.rows}, columns 0 to ${columns - 1} of ${value.columns}`;
  return `${which}; dark ${shortNumber(-size)}, bright ${shortNumber(size)}`;
}
