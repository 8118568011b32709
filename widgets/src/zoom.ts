// Which experts and layers a map shows. Pure arithmetic.

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Columns are experts, rows sparse layers. */
export interface Window {
  readonly experts: Span;
  readonly rows: Span;
}

const LEAST_EXPERTS = 8;

export function everything(experts: number, rows: number): Window {
  return { experts: { start: 0, end: experts }, rows: { start: 0, end: rows } };
}

/** Scale a span about a point of it; stays within [0, size) and never below `least`. */
export function scaled(span: Span, factor: number, about: number, size: number, least: number): Span {
  const length = Math.min(size, Math.max(Math.min(least, size), Math.round((span.end - span.start) * factor)));
  const share = (about - span.start) / (span.end - span.start);
  const start = Math.max(0, Math.min(size - length, Math.round(about - share * length)));
  return { start, end: start + length };
}

export function zoomed(window: Window, factor: number, expert: number, experts: number): Window {
  return { ...window, experts: scaled(window.experts, factor, expert, experts, LEAST_EXPERTS) };
}

/** What a brush from one cell to another covers; a brush along the layers alone keeps the experts. */
export function brushed(window: Window, from: Cell, to: Cell, { layersOnly = false } = {}): Window {
  const rows = span(from.row, to.row);
  const wanted = span(from.expert, to.expert);
  const experts = layersOnly ? window.experts : grown(wanted, window.experts);
  return { experts, rows };
}

export interface Cell {
  readonly expert: number;
  readonly row: number;
}

function span(one: number, other: number): Span {
  return { start: Math.min(one, other), end: Math.max(one, other) + 1 };
}

/** At least a few experts, within the span there was. */
function grown(wanted: Span, limits: Span): Span {
  const missing = Math.max(0, Math.min(LEAST_EXPERTS, limits.end - limits.start) - (wanted.end - wanted.start));
  const start = Math.max(limits.start, wanted.start - Math.floor(missing / 2));
  const end = Math.min(limits.end, Math.max(wanted.end, start + (wanted.end - wanted.start) + missing));
  return { start, end };
}

export function isEverything(window: Window, experts: number, rows: number): boolean {
  return (
    window.experts.start === 0 && window.experts.end === experts && window.rows.start === 0 && window.rows.end === rows
  );
}
