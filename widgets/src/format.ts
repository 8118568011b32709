// Numbers as people read them.

export function count(value: number): string {
  return value.toLocaleString("en");
}

/** 10^3 steps: 7,077,888 is "7.08 MB". */
export function byteText(bytes: number): string {
  for (const [unit, size] of [
    ["TB", 1e12],
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ] as const) {
    if (bytes >= size) return `${three(bytes / size)} ${unit}`;
  }
  return `${bytes} B`;
}

export function msText(ms: number): string {
  if (ms >= 1000) return `${three(ms / 1000)} s`;
  return ms >= 1 ? `${three(ms)} ms` : `${three(ms * 1000)} µs`;
}

export function percent(share: number): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(1)} %` : "unknown";
}

/** A token's text with its white space made visible. */
export function visible(text: string): string {
  return text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "␣");
}

/** Three digits, and never an exponent for what is large: 1234 is "1234". */
export function three(value: number): string {
  return value >= 999.5 ? value.toFixed(0) : value.toPrecision(3);
}
