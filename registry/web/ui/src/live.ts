// A page that holds an element with data-running is asked for again every few seconds, and what is
// marked data-live is replaced by its newer self. An element with data-version is left alone as long
// as that stays the same, and one that the reader is working in is left alone anyway. The answer to
// a form that was refused stays as it is: there is nothing to ask for at its address.

const EVERY_MS = 3000;

export function keepFresh(mount: (element: HTMLElement) => void): void {
  if (document.body.hasAttribute("data-answer")) {
    return;
  }
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

/** Rows that were ticked, controls that were set, words that were typed and forms that were opened
 * stay so. */
function carry(old: HTMLElement, fresh: HTMLElement): void {
  const set = new Map(fieldsOf(old).map((field) => [nameOf(field), field]));
  for (const field of fieldsOf(fresh)) {
    const before = set.get(nameOf(field));
    if (isChoice(field) && before && isChoice(before)) {
      field.checked = before.checked;
    } else if (before && field.type !== "hidden") {
      field.value = before.value;
    }
  }
  const open = new Set([...old.querySelectorAll("details[open]")].map(titleOf));
  for (const details of fresh.querySelectorAll("details")) {
    details.open ||= open.has(titleOf(details));
  }
}

type Field = HTMLInputElement | HTMLTextAreaElement;

function fieldsOf(element: HTMLElement): Field[] {
  return [...element.querySelectorAll<Field>("input[name], textarea[name]")];
}

/** Several forms of a page may have a field of one name. */
function nameOf(field: Field): string {
  const form = field.form?.getAttribute("action") ?? "";
  return isChoice(field) ? `${form} ${field.name}=${field.value}` : `${form} ${field.name}`;
}

function isChoice(field: Field): field is HTMLInputElement {
  return field.type === "checkbox" || field.type === "radio";
}

function titleOf(details: Element): string {
  return details.querySelector("summary")?.textContent ?? "";
}
