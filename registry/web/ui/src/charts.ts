// The island of charts: <section data-charts> with a form that says how they look and one figure for
// each metric.
//
// Data are fetched for the figures in view, many in one request, and again every few seconds as long
// as the page holds an element with data-running. What has left the view gives its memory back.

import { Chart } from "./chart.ts";
import { keepInAddress, readLook, type Look } from "./look.ts";
import { type Range, type Series, type Unchanged } from "./series.ts";

const POLL_MS = 2000;
const SERIES_A_REQUEST = 200;

export function mountCharts(root: HTMLElement): void {
  for (const section of root.querySelectorAll<HTMLElement>("[data-charts]")) {
    if (!boards.has(section)) {
      boards.set(section, new Board(section));
    }
  }
}

/** The board of a section, for islands that add figures to it. */
export const boards = new WeakMap<HTMLElement, Board>();

/** All charts of a section, drawn alike. */
export class Board {
  private readonly charts = new Map<HTMLElement, Chart>();
  private readonly section: HTMLElement;
  private readonly form: HTMLFormElement | null;
  private look: Look;
  private due = new Set<Chart>();
  private loading = false;
  private readonly seen: IntersectionObserver;

  constructor(section: HTMLElement) {
    this.section = section;
    this.form = section.querySelector("form[data-look]");
    this.look = readLook(this.form);
    this.form?.addEventListener("input", (event) => this.chosen(event.target));
    this.form?.addEventListener("submit", (event) => event.preventDefault());
    this.form?.querySelector("[data-whole]")?.addEventListener("click", () => this.zoom(null));
    this.showParts();
    document.addEventListener("podium:theme", () => this.charts.forEach((chart) => chart.repaint()));
    this.seen = new IntersectionObserver((entries) => this.moved(entries), { rootMargin: "200px" });
    new ResizeObserver(() => this.charts.forEach((chart) => chart.resize())).observe(section);
    section.querySelectorAll<HTMLElement>("figure[data-series]").forEach((figure) => this.add(figure));
    this.poll();
  }

  add(figure: HTMLElement): void {
    if (!this.charts.has(figure)) {
      this.charts.set(figure, new Chart(figure, this.look, (range) => this.zoom(range)));
      this.seen.observe(figure);
    }
  }

  private moved(entries: IntersectionObserverEntry[]): void {
    for (const entry of entries) {
      const chart = this.charts.get(entry.target as HTMLElement);
      if (chart) {
        chart.visible = entry.isIntersecting;
        if (chart.visible) {
          this.load(chart);
        } else {
          chart.rest(true);
        }
      }
    }
  }

  private chosen(control: EventTarget | null): void {
    const before = this.look;
    if (control instanceof HTMLInputElement && (control.name === "axis" || control.name === "along")) {
      this.setRange(null);
    }
    this.look = readLook(this.form);
    this.showParts();
    if (this.form) {
      keepInAddress(this.form);
    }
    this.charts.forEach((chart) => chart.draw(this.look));
    if (scopeOf(before) !== scopeOf(this.look)) {
      this.loadVisible();
    }
  }

  /** Show a part of the horizontal axis, at the resolution that the server has. */
  private zoom(range: Range | null): void {
    this.setRange(range);
    this.chosen(null);
  }

  private setRange(range: Range | null): void {
    const [from, to] = range ? (this.look.axis === "step" ? [Math.floor(range[0]), Math.ceil(range[1])] : range) : ["", ""];
    for (const [name, value] of [["from", from], ["to", to]] as const) {
      const field = this.form?.querySelector<HTMLInputElement>(`[name="${name}"]`);
      if (field) {
        field.value = typeof value === "number" ? String(Number(value.toPrecision(12))) : value;
      }
    }
  }

  /** Fields that mean something now are there. */
  private showParts(): void {
    const metric = this.form?.querySelector<HTMLInputElement>("[name=axis]:checked")?.value === "metric";
    for (const [part, on] of [["along", metric], ["range", this.look.range !== null]] as const) {
      this.form?.querySelectorAll<HTMLElement>(`[data-when="${part}"]`).forEach((each) => (each.hidden = !on));
    }
  }

  private poll(): void {
    // One more after the end, for the points that came with it.
    let ended = false;
    const timer = setInterval(() => {
      if (!this.section.isConnected || ended) {
        clearInterval(timer);
        return;
      }
      ended = document.querySelector("[data-running]") === null;
      if (!document.hidden) {
        this.loadVisible();
      }
    }, POLL_MS);
  }

  private loadVisible(): void {
    this.charts.forEach((chart) => {
      if (chart.visible && chart.figure.isConnected) {
        this.load(chart);
      }
    });
  }

  /** Soon, together with the others that are due. */
  private load(chart: Chart): void {
    this.due.add(chart);
    if (!this.loading) {
      this.loading = true;
      queueMicrotask(() => void this.loadDue());
    }
  }

  private async loadDue(): Promise<void> {
    while (this.due.size > 0) {
      const charts: Chart[] = [];
      let series = 0;
      for (const chart of this.due) {
        const more = chart.asked("").length;
        if (charts.length > 0 && series + more > SERIES_A_REQUEST) {
          break;
        }
        charts.push(chart);
        series += more;
        this.due.delete(chart);
      }
      await this.fetch(charts.filter((chart) => chart.visible));
    }
    this.loading = false;
  }

  private async fetch(charts: Chart[]): Promise<void> {
    if (charts.length === 0) {
      return;
    }
    const width = Math.max(...charts.map((chart) => chart.width));
    const window = this.window(charts);
    const scope = JSON.stringify([width, window, scopeOf(this.look)]);
    const asked = charts.map((chart) => chart.asked(scope));
    try {
      const response = await fetch("/api/v1/charts", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ series: asked.flat(), width, band: true, ...window }),
      });
      if (!response.ok) {
        throw new Error(`the server answered ${response.status}`);
      }
      const answer = (await response.json()) as { series: (Series | Unchanged)[] };
      let start = 0;
      for (const [index, chart] of charts.entries()) {
        const mine = asked[index]?.length ?? 0;
        chart.take(answer.series.slice(start, start + mine), scope);
        start += mine;
        await painted(); // a chart of a hundred lines takes a while: the first is not held up by the last
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      // What is drawn already stays: the next turn asks again.
      charts.filter((chart) => !chart.loaded).forEach((chart) => chart.say(`This chart could not be loaded: ${why}. It is tried again.`));
    }
  }

  /** The part of the axis that is seen, in the server's terms; a metric's is not known to it. */
  private window(charts: Chart[]): object {
    const { axis, range } = this.look;
    if (!range) {
      return {};
    }
    if (axis === "step") {
      return { first_step: Math.floor(range[0]), last_step: Math.ceil(range[1]) };
    }
    const between = (first: number, last: number): object => ({
      first_timestamp: Math.max(0, Math.floor(first)),
      last_timestamp: Math.max(0, Math.ceil(last)),
    });
    if (axis === "time") {
      return between(range[0] * 1000, range[1] * 1000);
    }
    const starts = charts.map((chart) => chart.starts);
    if (axis === "metric" || starts.includes(null)) {
      return {};
    }
    const known = starts as Range[];
    const [first, last] = [Math.min(...known.map(([each]) => each)), Math.max(...known.map(([, each]) => each))];
    return between(first + range[0] * 60_000, last + range[1] * 60_000);
  }
}

/** When what was drawn is on the screen, or would be if the page were seen. */
function painted(): Promise<void> {
  return new Promise((done) => (document.hidden ? done() : requestAnimationFrame(() => setTimeout(done))));
}

/** What of a look decides which points are asked for. */
function scopeOf({ axis, along, range }: Look): string {
  return axis === "metric" ? `along ${along}` : range ? JSON.stringify([axis, range]) : "";
}
