// A canvas that is as sharp as the screen and as wide as its place. Knows no run.

export interface Sheet {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  /** In CSS pixels; the context is scaled to them. */
  readonly width: number;
  readonly height: number;
  /** Fit the canvas to `el`'s width and a height; true when it was cleared by that. */
  fit(height: number): boolean;
}

export function makeSheet(el: HTMLElement, label: string): Sheet {
  const canvas = document.createElement("canvas");
  canvas.className = "fm-canvas";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  el.append(canvas);
  const context = canvas.getContext("2d")!;
  let [width, height] = [0, 0];
  return {
    canvas,
    context,
    get width() {
      return width;
    },
    get height() {
      return height;
    },
    fit(wanted: number): boolean {
      const ratio = globalThis.devicePixelRatio || 1;
      const wide = Math.max(200, Math.floor(el.clientWidth));
      const changed = wide !== width || wanted !== height || canvas.width !== Math.round(wide * ratio);
      if (changed) {
        [width, height] = [wide, wanted];
        canvas.width = Math.round(wide * ratio);
        canvas.height = Math.round(wanted * ratio);
        canvas.style.width = `${wide}px`;
        canvas.style.height = `${wanted}px`;
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      return changed;
    },
  };
}

/** Pixels [height, width] that are drawn enlarged, one pixel a value. */
export class PixelGrid {
  readonly canvas = document.createElement("canvas");
  private readonly context: CanvasRenderingContext2D;
  private image: ImageData;

  constructor() {
    this.context = this.canvas.getContext("2d")!;
    this.image = this.context.createImageData(1, 1);
  }

  /** Fill from colours 0xAABBGGRR, one for each cell. */
  fill(width: number, height: number, colour: (cell: number) => number): void {
    if (this.image.width !== width || this.image.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.image = this.context.createImageData(width, height);
    }
    const pixels = new Uint32Array(this.image.data.buffer);
    for (let cell = 0; cell < pixels.length; cell++) pixels[cell] = colour(cell);
    this.context.putImageData(this.image, 0, 0);
  }
}
