// The island of charts: <section data-charts="[…]"> with a toolbar and one figure for each metric.
//
// Data are fetched for the figures in view, and again every few seconds as long as the page holds an
// element with data-running. uPlot draws on a canvas, so colours are read from the styles.

import uPlot from "uplot";
import { line, newer, smooth, type Axis, type Column, type Series, type Unchanged } from "./series.ts";

interface Wanted {
  run_id: string;
  key: string;
  label: string;
}

interface Look {
  axis: Axis;
  log: boolean;
  weight: number;
}

const POLL_MS = 2000;
const HEIGHT = 220;
const COLOURS = 8;

export function mountCharts(root: HTMLElement): void {
  for (const section of root.querySelectorAll<HTMLElement>("[data-charts]")) {
    new Board(section);
  }
}

/** All charts of a section, drawn alike. */
class Board {
  private readonly charts: Chart[];
  private readonly look: Look = { axis: "step", log: false, weight: 0 };
  private readonly section: HTMLElement;

  constructor(section: HTMLElement) {
    this.section = section;
    this.charts = [...section.querySelectorAll<HTMLElement>("figure[data-series]")].map(
      (figure) => new Chart(figure, this.look),
    );
    this.readControls();
    section.querySelector("form")?.addEventListener("input", () => {
      this.readControls();
      this.charts.forEach((chart) => chart.draw());
    });
    document.addEventListener("podium:theme", () => this.charts.forEach((chart) => chart.draw()));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const chart = this.charts.find((each) => each.figure === entry.target);
        if (chart) {
          chart.visible = entry.isIntersecting;
          if (entry.isIntersecting && !chart.loaded) {
            void chart.load();
          }
        }
      }
    });
    const sized = new ResizeObserver(() => this.charts.forEach((chart) => chart.resize()));
    sized.observe(section);
    this.charts.forEach((chart) => seen.observe(chart.figure));
    this.poll();
  }

  private readControls(): void {
    const form = this.section.querySelector("form");
    if (!form) {
      return;
    }
    const given = new FormData(form);
    const axis = given.get("axis");
    this.look.axis = axis === "time" || axis === "relative" ? axis : "step";
    this.look.log = given.has("log");
    this.look.weight = Number(given.get("smooth") ?? 0) / 100;
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
        this.charts.filter((chart) => chart.visible).forEach((chart) => void chart.load());
      }
    }, POLL_MS);
  }
}

class Chart {
  readonly figure: HTMLElement;
  loaded = false;
  visible = false;
  private readonly look: Look;
  private readonly wanted: Wanted[];
  private readonly canvas: HTMLElement;
  private readonly note: HTMLElement | null;
  private plot: uPlot | null = null;
  private series: Series[] = [];
  private width = 0;
  private loading = false;

  constructor(figure: HTMLElement, look: Look) {
    this.figure = figure;
    this.look = look;
    this.wanted = JSON.parse(figure.dataset["series"] ?? "[]") as Wanted[];
    this.canvas = figure.querySelector<HTMLElement>("[data-canvas]") ?? figure;
    this.note = figure.querySelector<HTMLElement>("[data-note]");
  }

  async load(): Promise<void> {
    if (this.loading) {
      return;
    }
    this.loading = true;
    const width = Math.max(100, Math.min(4000, Math.round(this.canvas.clientWidth)));
    try {
      const response = await fetch("/api/v1/charts", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ series: this.asked(width), width }),
      });
      if (!response.ok) {
        throw new Error(`the server answered ${response.status}`);
      }
      const answer = (await response.json()) as { series: (Series | Unchanged)[] };
      const fresh = newer(this.series, answer.series);
      if (fresh !== this.series) {
        this.series = fresh;
        this.loaded = true;
        this.width = width;
        this.draw();
      }
    } catch (error) {
      this.say(`This chart could not be loaded: ${error instanceof Error ? error.message : error}.`);
    } finally {
      this.loading = false;
    }
  }

  /** Series to ask for: of those that are here, for this width, only what is new. */
  private asked(width: number): object[] {
    return this.wanted.map(({ run_id, key }, index) => {
      const known = width === this.width ? this.series[index] : undefined;
      return known ? { run_id, key, received: known.received } : { run_id, key };
    });
  }

  draw(): void {
    if (!this.loaded) {
      return;
    }
    const [data, shown] = this.table();
    if (data[0].length === 0) {
      this.say("No points yet.");
      return;
    }
    this.say("");
    const key = JSON.stringify([this.look.axis, this.look.log, document.documentElement.dataset["theme"], shown.length]);
    if (this.plot && this.figure.dataset["drawn"] === key) {
      this.plot.setData(data);
      return;
    }
    this.plot?.destroy();
    this.figure.dataset["drawn"] = key;
    this.plot = new uPlot(this.options(shown), data, this.canvas);
  }

  resize(): void {
    if (this.plot && this.canvas.clientWidth > 0) {
      this.plot.setSize({ width: this.canvas.clientWidth, height: HEIGHT });
    }
  }

  /** uPlot's table of one x column for all series; where smoothed, the raw values stay behind. */
  private table(): [uPlot.AlignedData, { label: string; colour: number; faint: boolean }[]] {
    const tables: uPlot.AlignedData[] = [];
    const shown: { label: string; colour: number; faint: boolean }[] = [];
    this.series.forEach((series, index) => {
      const [x, y] = line(series, this.look.axis, this.look.log);
      const label = this.wanted[index]?.label ?? series.key;
      const columns: Column[] = [y];
      if (this.look.weight > 0) {
        columns.push(smooth(y, this.look.weight));
        shown.push({ label: `${label} (raw)`, colour: index, faint: true });
      }
      shown.push({ label, colour: index, faint: false });
      tables.push([x, ...columns]);
    });
    return [tables.length === 1 && tables[0] ? tables[0] : uPlot.join(tables), shown];
  }

  private options(shown: { label: string; colour: number; faint: boolean }[]): uPlot.Options {
    const ink = colour(this.figure, "--quiet");
    const grid = colour(this.figure, "--rule");
    const axis: uPlot.Axis = {
      stroke: ink,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 4 },
      font: "12px system-ui, sans-serif",
    };
    const label = { step: "step", time: "time", relative: "minutes" }[this.look.axis];
    return {
      width: Math.max(100, this.canvas.clientWidth),
      height: HEIGHT,
      cursor: { sync: { key: "podium" }, points: { size: 6 }, drag: { x: true, y: false } },
      legend: { live: true },
      scales: {
        x: { time: this.look.axis === "time" },
        y: { distr: this.look.log ? 3 : 1 },
      },
      padding: [8, 12, 0, 0],
      axes: [{ ...axis, size: 32 }, { ...axis, size: 56, values: (_, ticks) => ticks.map(tick) }],
      series: [
        { label, ...(this.look.axis === "time" ? {} : { value: (_: uPlot, x: number | null) => tick(x) }) },
        ...shown.map((each) => ({
          label: each.label,
          stroke: colour(this.figure, `--series-${1 + (each.colour % COLOURS)}`),
          width: each.faint ? 1 : 1.75,
          alpha: each.faint ? 0.3 : 1,
          points: { size: 4 },
          value: (_: uPlot, y: number | null) => tick(y),
        })),
      ],
    };
  }

  private say(text: string): void {
    if (this.note) {
      this.note.textContent = text;
      this.note.hidden = text === "";
    }
  }
}

/** The colour a custom property stands for in the theme that is on. */
function colour(within: HTMLElement, property: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${property})`;
  within.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function tick(value: number | null): string {
  if (value === null) {
    return "–";
  }
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(5)));
}
