// What a widget's drawing is: one function that fills an element from a store. The same in a notebook, dashboard or page.

import type { RunStore } from "./store";
import type { Send } from "./transport";

export interface View {
  /**
   * Bring everything up to the store; at most once a frame. `true` asks for another frame (an animation); `changed` is
   * false in one that comes for that alone.
   */
  draw(now_ms: number, changed?: boolean): boolean | undefined;
  destroy(): void;
}

/** Views drawn as one: in a frame that only some asked for, those alone. */
export function drawTogether(views: readonly View[]): View["draw"] {
  let asking: readonly View[] = views;
  return (now_ms, changed = true) => {
    asking = (changed ? views : asking).filter((view) => view.draw(now_ms, changed) === true);
    return asking.length > 0;
  };
}

export type MakeView = (el: HTMLElement, store: RunStore, send: Send) => View;

export interface WidgetOptions {
  /** The Python class, shown as the title. */
  readonly name: string;
  /** What an empty widget says: which call fills it. */
  readonly hint: string;
  readonly make: MakeView;
  /** Whether there is something to draw; by default a run. */
  readonly ready?: (store: RunStore) => boolean;
}
