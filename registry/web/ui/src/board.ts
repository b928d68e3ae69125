// What pages with charts load besides: uPlot, and what draws with it.

import { mountCharts } from "./charts.ts";
import { mountMetrics } from "./metrics.ts";

export function mountBoards(root: HTMLElement): void {
  mountCharts(root);
  mountMetrics(root);
}
