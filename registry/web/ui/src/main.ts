// What every page loads: the styles, htmx for fragments, and the islands.

import "uplot/dist/uPlot.min.css";
import "./style/podium.css";
import htmx from "htmx.org";
import { pathOfHash } from "./hash.ts";
import { mountCopyButtons } from "./copy.ts";
import { mountKeyboard } from "./keyboard.ts";
import { keepFresh } from "./live.ts";
import { mountPlots } from "./plots.ts";
import { mountPalette } from "./palette.ts";
import { mountMoments } from "./moment.ts";
import { mountSteps } from "./steps.ts";
import { mountThemeSwitch } from "./theme.ts";
import { mountTimes } from "./times.ts";

const moved = pathOfHash(location.hash);
if (moved) {
  location.replace(moved);
}

function mount(element: HTMLElement): void {
  if (element.querySelector("[data-charts]")) {
    void import("./board.ts").then(({ mountBoards }) => mountBoards(element));
  }
  mountTableParts(element);
  if (element.querySelector("[data-drop]")) {
    void import("./drag.ts").then(({ mountDrag }) => mountDrag(element));
  }
  if (element.querySelector("[data-log]")) {
    void import("./log.ts").then(({ mountLogs }) => mountLogs(element));
  }
  mountSteps(element);
  mountMoments(element);
  mountTimes(element);
  mountCopyButtons(element);
  mountPlots(element);
}

/** Whether the reader has come to what a table of runs needs, on a page that did without. */
let reached = false;

/** A page of charts is heavy enough: its filter and columns are loaded for when the reader comes to them. */
function mountTableParts(element: HTMLElement): void {
  const parts = [...element.querySelectorAll("[data-complete], [data-columns], [data-rows], [data-selection]")];
  const there = parts.some((part) => part.contains(document.activeElement)) || element.querySelector("pre[data-offset]") !== null;
  const stop = new AbortController();
  const load = (): void => {
    stop.abort();
    void import("./table.ts").then(({ mountTable }) => mountTable(element));
  };
  if (parts.length > 0 && (reached || there || element.querySelector("[data-charts]") === null)) {
    load();
    return;
  }
  for (const part of parts) {
    for (const sign of ["pointerover", "focusin", "toggle"]) {
      part.addEventListener(sign, () => {
        reached = true;
        load();
      }, { signal: stop.signal });
    }
  }
}

mountThemeSwitch();
mountPalette();
mountKeyboard();
// htmx calls this for the whole page, and again for each fragment that it puts in.
htmx.onLoad((element) => {
  if (element instanceof HTMLElement) {
    mount(element);
  }
});
keepFresh((element) => {
  htmx.process(element);
  mount(element);
});
