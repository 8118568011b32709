// Colours that colour-blind readers tell apart, on light and dark pages. Knows no run.

// Ten stops each of matplotlib's viridis and cividis (both CC0), as RRGGBB.
const VIRIDIS = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725";
const CIVIDIS = "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838";

export type ColourMap = Uint32Array;

const STEPS = 256;

function colourMap(stops: string): ColourMap {
  const colours = stops.split(" ").map((hex) => Number.parseInt(hex, 16));
  const channel = (colour: number, shift: number) => (colour >> shift) & 255;
  return Uint32Array.from({ length: STEPS }, (_, step) => {
    const at = (step / (STEPS - 1)) * (colours.length - 1);
    const low = Math.min(Math.floor(at), colours.length - 2);
    const mix = (shift: number) =>
      Math.round(channel(colours[low], shift) * (low + 1 - at) + channel(colours[low + 1], shift) * (at - low));
    return pixel(mix(16), mix(8), mix(0));
  });
}

/** A colour as the pixels of an ImageData hold it on little-endian machines. */
export function pixel(red: number, green: number, blue: number, alpha = 255): number {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** 256 pixels, dark to bright. */
export const viridis = colourMap(VIRIDIS);
export const cividis = colourMap(CIVIDIS);

/** The colour of a share 0 to 1. */
export function shade(map: ColourMap, share: number): number {
  return map[Math.max(0, Math.min(STEPS - 1, Math.round(share * (STEPS - 1))))];
}

export function css(pixelColour: number): string {
  return `rgb(${pixelColour & 255} ${(pixelColour >> 8) & 255} ${(pixelColour >> 16) & 255})`;
}

/** Okabe and Ito's: the page cache, the SSD, partly, unknown, a mark. As in the figures. */
export const SOURCES = { cache: "#009E73", partly: "#CC79A7", ssd: "#E69F00", unknown: "#999999", mark: "#0072B2" };

export interface Theme {
  readonly dark: boolean;
  readonly text: string;
  readonly faint: string;
  readonly line: string;
  readonly paper: string;
  readonly accent: string;
  /** "12px ..." goes in front. */
  readonly font: string;
}

/** The colours an element has now; cheap enough for every draw that follows a change. */
export function themeOf(el: HTMLElement): Theme {
  const style = getComputedStyle(el);
  const value = (name: string) => style.getPropertyValue(name).trim();
  return {
    dark: el.closest(".fm-dark") !== null,
    text: value("--fm-text"),
    faint: value("--fm-faint"),
    line: value("--fm-line"),
    paper: value("--fm-paper"),
    accent: value("--fm-accent"),
    font: style.fontFamily,
  };
}
