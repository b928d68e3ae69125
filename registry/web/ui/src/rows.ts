// The rows of runs that go on: asked for every few seconds, and of them only the cells that have changed
// are put in. So nothing that is ticked, focused or read moves.

import { mountTimes } from "./times.ts";

const EVERY_MS = 3000;

export function mountRows(root: HTMLElement): void {
  for (const section of root.querySelectorAll<HTMLElement>("[data-rows]")) {
    const timer = setInterval(() => {
      if (!section.isConnected || going(section).length === 0) {
        clearInterval(timer);
      } else if (!document.hidden) {
        void refresh(section);
      }
    }, EVERY_MS);
  }
}

function going(section: HTMLElement): HTMLElement[] {
  return [...section.querySelectorAll<HTMLElement>("tr[data-running]")];
}

async function refresh(section: HTMLElement): Promise<void> {
  const url = new URL(section.dataset["rows"] ?? "", location.href);
  for (const row of going(section)) {
    url.searchParams.append("run", row.id.replace("run-", ""));
  }
  let text: string;
  try {
    const response = await fetch(url);
    if (!response.ok) {
      return;
    }
    text = await response.text();
  } catch {
    return; // the server is away for a moment: the next turn asks again
  }
  const fresh = document.createElement("template");
  fresh.innerHTML = text;
  mountTimes(fresh.content); // as those in the page, or each would have changed
  for (const row of fresh.content.querySelectorAll<HTMLTableRowElement>("tr[id]")) {
    const old = document.getElementById(row.id);
    if (old instanceof HTMLTableRowElement) {
      update(old, row);
    }
  }
}

function update(old: HTMLTableRowElement, row: HTMLTableRowElement): void {
  // The first two are the tick and the name, in which the reader may be.
  for (let at = 2; at < row.cells.length; at += 1) {
    const [before, after] = [old.cells[at], row.cells[at]];
    if (before && after && before.innerHTML !== after.innerHTML) {
      before.replaceChildren(...after.childNodes);
      before.title = after.title;
    }
  }
  if (!("running" in row.dataset)) {
    delete old.dataset["running"];
  }
}
