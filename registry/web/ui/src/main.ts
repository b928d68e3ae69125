// What every page loads: the styles, htmx for fragments, and the islands.

import "uplot/dist/uPlot.min.css";
import "./podium.css";
import htmx from "htmx.org";
import { mountCharts } from "./charts.ts";
import { pathOfHash } from "./hash.ts";
import { mountCopyButtons } from "./copy.ts";
import { keepFresh } from "./live.ts";
import { mountThemeSwitch } from "./theme.ts";

const moved = pathOfHash(location.hash);
if (moved) {
  location.replace(moved);
}

function mount(element: HTMLElement): void {
  mountCharts(element);
  mountCopyButtons(element);
}

mountThemeSwitch();
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
