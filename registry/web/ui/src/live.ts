// A page that holds an element with data-running is asked for again every few seconds, and what is
// marked data-live is replaced by its newer self. An element with data-version is left alone as long
// as that stays the same, and one that the reader is working in is left alone anyway.

const EVERY_MS = 3000;

export function keepFresh(mount: (element: HTMLElement) => void): void {
  const timer = setInterval(() => {
    if (document.querySelector("[data-running]") === null) {
      clearInterval(timer);
    } else if (document.querySelector("[data-live]") === null) {
      return; // what runs here is kept fresh otherwise
    } else if (!document.hidden) {
      void refresh(mount);
    }
  }, EVERY_MS);
}

async function refresh(mount: (element: HTMLElement) => void): Promise<void> {
  let text: string;
  try {
    const response = await fetch(location.href);
    if (!response.ok) {
      return;
    }
    text = await response.text();
  } catch {
    return; // the server is away for a moment: the next turn asks again
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const old of document.querySelectorAll<HTMLElement>("[data-live][id]")) {
    const found = page.getElementById(old.id);
    if (found && !isBusy(old) && hasChanged(old, found)) {
      const fresh = document.importNode(found, true);
      sent.set(fresh, found.outerHTML);
      carry(old, fresh);
      old.replaceWith(fresh);
      mount(fresh);
    }
  }
  document.dispatchEvent(new Event("podium:fresh"));
}

/** What was sent before is kept: the page may have changed it since, as its times and ticks are. */
const sent = new WeakMap<HTMLElement, string>();

function hasChanged(old: HTMLElement, found: HTMLElement): boolean {
  if (old.dataset["version"]) {
    return old.dataset["version"] !== found.dataset["version"];
  }
  const before = sent.get(old);
  sent.set(old, found.outerHTML);
  return before !== found.outerHTML;
}

function isBusy(element: HTMLElement): boolean {
  return element.contains(document.activeElement);
}

/** Rows that were ticked and controls that were set stay so. */
function carry(old: HTMLElement, fresh: HTMLElement): void {
  const set = new Map<string, HTMLInputElement>();
  for (const input of old.querySelectorAll<HTMLInputElement>("input[name]")) {
    set.set(nameOf(input), input);
  }
  for (const input of fresh.querySelectorAll<HTMLInputElement>("input[name]")) {
    const before = set.get(nameOf(input));
    if (before && isChoice(input)) {
      input.checked = before.checked;
    } else if (before && input.type !== "hidden") {
      input.value = before.value;
    }
  }
}

function nameOf(input: HTMLInputElement): string {
  return isChoice(input) ? `${input.name}=${input.value}` : input.name;
}

function isChoice(input: HTMLInputElement): boolean {
  return input.type === "checkbox" || input.type === "radio";
}
