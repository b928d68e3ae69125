// The keys of every page; keys.html lists them for ?. A key is a short cut: what it does has a control
// of its own. Nothing is done while somebody types, or with a modifier that is the browser's.

import { openPalette } from "./palette.ts";

const FIRST_KEY_LASTS_MS = 1200;

export function mountKeyboard(): void {
  document.querySelector("[data-keys]")?.addEventListener("click", showKeys);
  let wentAt = -Infinity;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) {
      return;
    }
    if (document.querySelector("dialog[open]")) {
      return; // which has its own: Escape, Tab, arrows
    }
    const going = event.timeStamp - wentAt < FIRST_KEY_LASTS_MS;
    wentAt = -Infinity;
    if (going && go(event.key)) {
      event.preventDefault();
    } else if (event.key === "g") {
      wentAt = event.timeStamp;
    } else if (act(event.key)) {
      event.preventDefault();
    }
  });
}

function act(key: string): boolean {
  switch (key) {
    case "?":
      return showKeys();
    case "/":
      return search();
    case "j":
      return step(1);
    case "k":
      return step(-1);
    case "x":
      return tick();
    default:
      return false;
  }
}

function isTyping(target: EventTarget | null): boolean {
  const typed = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]";
  return target instanceof HTMLElement && target.matches(typed);
}

function showKeys(): boolean {
  document.querySelector<HTMLDialogElement>("dialog#keys")?.showModal();
  return true;
}

function go(key: string): boolean {
  const link = [...document.querySelectorAll<HTMLAnchorElement>("a[data-go]")].find((each) => each.dataset["go"] === key);
  if (link) {
    location.assign(link.href);
  }
  return link !== undefined;
}

function search(): boolean {
  const field = document.querySelector<HTMLInputElement>("main input[type=search]");
  if (field) {
    field.focus();
    field.select();
  } else {
    openPalette();
  }
  return true;
}

/** The links that open the rows of the page's tables. */
function rows(): HTMLAnchorElement[] {
  const inRows = document.querySelectorAll<HTMLTableRowElement>("main tbody tr");
  return [...inRows].flatMap((row) => {
    const link = row.querySelector<HTMLAnchorElement>("th a[href], td a[href]");
    return link && link.offsetParent !== null ? [link] : [];
  });
}

function step(by: number): boolean {
  const links = rows();
  const row = document.activeElement?.closest("tbody tr");
  const at = links.findIndex((link) => row?.contains(link));
  const next = links[at === -1 ? (by > 0 ? 0 : links.length - 1) : at + by];
  next?.focus();
  next?.closest("tr")?.scrollIntoView({ block: "nearest" });
  return next !== undefined;
}

function tick(): boolean {
  const box = document.activeElement?.closest("tbody tr")?.querySelector<HTMLInputElement>("input[type=checkbox]");
  box?.click();
  return box !== undefined && box !== null;
}
