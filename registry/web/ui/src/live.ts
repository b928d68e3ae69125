// A page that holds an element with data-running is asked for again every few seconds, and what is
// marked data-live is replaced by its newer self. An element with data-version is left alone as long
// as that stays the same, and one that the reader is working in until he leaves it. The answer to
// a form that was refused stays as it is: there is nothing to ask for at its address. Where little of a
// large page is live, data-from is the address of that alone.

const EVERY_MS = 3000;

export function keepFresh(mount: (element: HTMLElement) => void): void {
  if (document.body.hasAttribute("data-answer")) {
    return;
  }
  let behind = false;
  const timer = setInterval(() => {
    if (document.querySelector("[data-running]") === null && !behind) {
      clearInterval(timer);
    } else if (document.querySelector("[data-live]") === null) {
      return; // what runs here is kept fresh otherwise
    } else if (!document.hidden) {
      void refresh(mount).then((late) => (behind = late));
    }
  }, EVERY_MS);
}

/** Whether something on the page is older than the server's: the reader is in it, or nothing came. */
async function refresh(mount: (element: HTMLElement) => void): Promise<boolean> {
  let text: string;
  try {
    const from = document.querySelector<HTMLElement>("[data-from]")?.dataset["from"];
    const response = await fetch(from ?? location.href);
    if (!response.ok) {
      return true;
    }
    text = await response.text();
  } catch {
    return true; // the server is away for a moment: the next turn asks again
  }
  let behind = false;
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const old of document.querySelectorAll<HTMLElement>("[data-live][id]")) {
    const found = page.getElementById(old.id);
    if (found && hasChanged(old, found)) {
      if (isBusy(old)) {
        behind = true;
        continue;
      }
      const fresh = document.importNode(found, true);
      sent.set(fresh, wordsOf(found));
      carry(old, fresh);
      old.replaceWith(fresh);
      mount(fresh);
    }
  }
  document.dispatchEvent(new Event("podium:fresh"));
  return behind;
}

/** What was sent before is kept: the page may have changed it since, as its times and ticks are. */
const sent = new WeakMap<HTMLElement, string>();

function hasChanged(old: HTMLElement, found: HTMLElement): boolean {
  if (old.dataset["version"]) {
    return old.dataset["version"] !== found.dataset["version"];
  }
  return sent.get(old) !== wordsOf(found);
}

/** The secret of its forms is masked anew on each page. */
function wordsOf(found: HTMLElement): string {
  return found.outerHTML.replace(/(name="csrf" value=")[^"]*/g, "$1");
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
