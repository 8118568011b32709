// Small makers of elements. Knows no run.

type Attributes = Readonly<Record<string, string>>;

/** An element with a class, attributes and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const el = document.createElement(tag);
  if (className) el.className = className;
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

/** A button; `name` is its data-name, by which tests and styles find it. */
export function button(name: string, text: string, title: string, onClick: () => void): HTMLButtonElement {
  const el = make("button", "", { type: "button", "data-name": name, title }, text);
  el.addEventListener("click", onClick);
  return el;
}

/** Set text only when it changed: a redraw must not disturb a selection or a screen reader. */
export function setText(el: HTMLElement, text: string): void {
  if (el.textContent !== text) el.textContent = text;
}

export interface Choice {
  readonly el: HTMLElement;
  /** Show what is chosen now. */
  show(value: string): void;
}

/** Buttons of which one is pressed. */
export function choice(
  label: string,
  options: readonly (readonly [value: string, text: string, title: string])[],
  onChoose: (value: string) => void,
): Choice {
  const el = make("span", "fm-group", { role: "radiogroup", "aria-label": label });
  const buttons = options.map(([value, text, title]) => {
    const one = button(value, text, title, () => onChoose(value));
    one.setAttribute("role", "radio");
    el.append(one);
    return one;
  });
  return {
    el,
    show(value) {
      for (const one of buttons) one.setAttribute("aria-checked", String(one.dataset.name === value));
    },
  };
}
