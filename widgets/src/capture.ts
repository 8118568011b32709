// The view as a PNG: its elements through an SVG, its canvases as pictures in their places.

/** Null where the browser cannot (some refuse to read back what an SVG drew). */
export async function capture(root: HTMLElement): Promise<ArrayBuffer | null> {
  const { width, height } = root.getBoundingClientRect();
  if (width < 1 || height < 1) return null;
  const copy = root.cloneNode(true) as HTMLElement;
  const [live, copied] = [root.querySelectorAll("canvas"), copy.querySelectorAll("canvas")];
  live.forEach((canvas, at) => {
    if (canvas.hidden) {
      copied[at].remove(); // a picture in its place would be seen
      return;
    }
    const image = new Image();
    image.src = canvas.toDataURL();
    image.setAttribute("style", `${canvas.getAttribute("style")};display:block`);
    copied[at].replaceWith(image);
  });
  inlineValues(root, copy);
  inlineColours(root, copy);
  const body = new XMLSerializer().serializeToString(copy);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><foreignObject width="100%" height="100%">${body}</foreignObject></svg>`;
  try {
    return await drawn(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`, width, height);
  } catch {
    return null;
  }
}

/** What a person or a script put into a control is no attribute, and would not be copied. */
function inlineValues(root: HTMLElement, copy: HTMLElement): void {
  const inputs = copy.querySelectorAll("input");
  root.querySelectorAll("input").forEach((input, at) => {
    inputs[at].setAttribute("value", input.value);
    inputs[at].toggleAttribute("checked", input.checked);
  });
  const texts = copy.querySelectorAll("textarea");
  root.querySelectorAll("textarea").forEach((text, at) => {
    texts[at].textContent = text.value;
  });
  const lists = copy.querySelectorAll("select");
  root.querySelectorAll("select").forEach((list, at) => {
    [...lists[at].options].forEach((option, n) => {
      option.toggleAttribute("selected", n === list.selectedIndex);
    });
  });
}

/** Variables of the page do not reach into a picture. */
function inlineColours(root: HTMLElement, copy: HTMLElement): void {
  const style = getComputedStyle(root);
  for (const name of ["text", "faint", "line", "paper", "raised", "accent", "warn", "error"]) {
    copy.style.setProperty(`--fm-${name}`, style.getPropertyValue(`--fm-${name}`));
  }
  copy.style.font = style.font;
}

async function drawn(url: string, width: number, height: number): Promise<ArrayBuffer | null> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width);
  canvas.height = Math.round(height);
  canvas.getContext("2d")!.drawImage(image, 0, 0);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  return blob ? blob.arrayBuffer() : null;
}
