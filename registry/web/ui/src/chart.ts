// One figure: its lines, drawn by uPlot on a canvas, so that colours are read from the styles.

import uPlot from "uplot";
import type { Look } from "./look.ts";
import { line, near, newer, smooth, type Column, type Range, type Series, type Unchanged } from "./series.ts";

export interface Wanted {
  run_id: string;
  key: string;
  label: string;
  /** When the run began, in ms: where a relative axis has its zero. */
  start?: number;
}

interface Shown {
  label: string;
  line: number;
  part: "line" | "raw" | "low" | "high";
  /** The columns of the band around it, counted from the first series. */
  band?: [number, number];
}

const HEIGHT = 220;
const COLOURS = 8;
/** Of the first eight lines, the next eight, …: beyond these they look alike, and the cursor tells which is which. */
const DASHES = [[], [6, 3], [2, 2], [10, 3, 2, 3]];
const AXES = { step: "step", time: "time", relative: "minutes" } as const;

export class Chart {
  readonly figure: HTMLElement;
  visible = false;
  private readonly wanted: Wanted[];
  private readonly canvas: HTMLElement;
  private readonly note: HTMLElement | null;
  private plot: uPlot | null = null;
  private drawn = "";
  private series: Series[] = [];
  private known = "";
  private look: Look;
  /** Of its lines, in the theme that is on: asked for once, since each time costs a layout. */
  private colours: string[] = [];
  private readonly zoom: (range: Range | null) => void;

  constructor(figure: HTMLElement, look: Look, zoom: (range: Range | null) => void) {
    this.figure = figure;
    this.look = look;
    this.zoom = zoom;
    this.wanted = JSON.parse(figure.dataset["series"] ?? "[]") as Wanted[];
    this.canvas = figure.querySelector<HTMLElement>("[data-canvas]") ?? figure;
    this.note = figure.querySelector<HTMLElement>("[data-note]");
    this.figure.dataset["lines"] = String(this.wanted.length);
    this.say("");
  }

  get width(): number {
    return Math.max(100, Math.min(4000, Math.round(this.canvas.clientWidth)));
  }

  get loaded(): boolean {
    return this.known !== "";
  }

  /** When the first and the last of its runs began, in ms. */
  get starts(): Range | null {
    const known = this.wanted.flatMap(({ start }) => (start === undefined ? [] : [start]));
    return known.length === this.wanted.length ? [Math.min(...known), Math.max(...known)] : null;
  }

  /** The series to ask for: of those that are here as `scope` wants them, only what is new. */
  asked(scope: string): object[] {
    const metrics = this.wanted.map(({ run_id, key }) => ({ run_id, key }));
    const axes = this.look.axis === "metric" ? this.wanted.map(({ run_id }) => ({ run_id, key: this.look.along })) : [];
    return [...metrics, ...axes].map((each, index) => {
      const known = this.known === scope ? this.series[index] : undefined;
      return known ? { ...each, received: known.received } : each;
    });
  }

  take(answered: (Series | Unchanged)[], scope: string): void {
    const fresh = newer(this.known === scope ? this.series : [], answered);
    this.known = scope;
    if (fresh !== this.series) {
      this.series = fresh;
      this.tellLast();
      this.draw(this.look);
    }
  }

  /** The last value stands in the head, which is seen of a chart that is not drawn, too. */
  private tellLast(): void {
    const said = this.figure.querySelector("[data-last]");
    const last = this.series[0]?.last;
    if (said && last !== undefined && !this.look.range) {
      said.textContent = typeof last === "number" ? tick(last) : last.replace("Infinity", "∞");
    }
  }

  draw(look: Look): void {
    this.look = look;
    if (!this.loaded) {
      return;
    }
    const [data, shown] = this.table();
    if (data[0].length === 0) {
      this.say(look.range ? "No points in this range." : "No points yet.");
      this.rest(false);
      return;
    }
    this.say("");
    const { axis, along, logX, logY } = look;
    const drawn = JSON.stringify([axis, along, logX, logY, shown, document.documentElement.dataset["theme"]]);
    if (this.plot && this.drawn === drawn) {
      this.plot.setData(data);
      return;
    }
    this.plot?.destroy();
    this.drawn = drawn;
    this.plot = new uPlot(this.options(shown), data, this.canvas);
  }

  resize(): void {
    if (this.plot && this.canvas.clientWidth > 0) {
      this.plot.setSize({ width: this.canvas.clientWidth, height: HEIGHT });
    }
  }

  /** Give back what is drawn, and with `forget` the points too: a page may hold thousands. */
  rest(forget: boolean): void {
    if (this.plot) {
      this.canvas.style.minHeight = `${this.canvas.offsetHeight}px`; // so that nothing moves
      this.plot.destroy();
      this.plot = null;
    }
    if (forget) {
      this.series = [];
      this.known = "";
    }
  }

  /** The theme has changed: every colour is another. */
  repaint(): void {
    this.drawn = "";
    this.draw(this.look);
  }

  say(text: string): void {
    if (this.note) {
      this.note.textContent = text;
      this.note.hidden = text === "";
    }
  }

  /** uPlot's table of one x column for all series; where smoothed, the raw values stay behind. */
  private table(): [uPlot.AlignedData, Shown[]] {
    const tables: uPlot.AlignedData[] = [];
    const shown: Shown[] = [];
    this.wanted.forEach((wanted, index) => {
      const series = this.series[index];
      if (!series) {
        return;
      }
      const along = this.look.axis === "metric" ? this.series[this.wanted.length + index] : undefined;
      const found = line(series, this.look.axis, this.look, { along, start: wanted.start });
      const columns: Column[] = [];
      let band: [number, number] | undefined;
      const add = (part: Shown["part"], column: Column): void => {
        columns.push(column);
        const label = part === "raw" ? `${wanted.label} (raw)` : wanted.label;
        shown.push({ label, line: index, part, ...(band && part !== "raw" ? { band } : {}) });
      };
      if (found.low && found.high) {
        add("high", found.high);
        add("low", found.low);
        band = [shown.length - 1, shown.length];
      }
      if (this.look.weight > 0) {
        add("raw", found.y);
        add("line", smooth(found.y, this.look.weight));
      } else {
        add("line", found.y);
      }
      tables.push([found.x, ...columns]);
    });
    const [only] = tables;
    return [tables.length === 1 && only ? only : tables.length ? uPlot.join(tables) : [[]], shown];
  }

  private options(shown: Shown[]): uPlot.Options {
    const ink = colour(this.figure, "--quiet");
    const grid = colour(this.figure, "--rule");
    const axis: uPlot.Axis = {
      stroke: ink,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 4 },
      font: "12px system-ui, sans-serif",
    };
    this.colours = Array.from({ length: COLOURS }, (_, index) => colour(this.figure, `--series-${1 + index}`));
    const time = this.look.axis === "time";
    const label = this.look.axis === "metric" ? this.look.along : AXES[this.look.axis];
    return {
      width: Math.max(100, this.canvas.clientWidth),
      height: HEIGHT,
      cursor: {
        sync: { key: "podium" },
        points: { size: 6 },
        drag: { x: true, y: false, setScale: false },
        ...(this.wanted.length > 1 ? { focus: { prox: 16 } } : {}),
        bind: { dblclick: () => () => (this.zoom(null), null) },
      },
      focus: { alpha: 0.2 },
      hooks: {
        setSeries: [
          (plot, index) => {
            if (index !== null) {
              bringIntoView(plot.root.querySelectorAll<HTMLElement>(".u-legend .u-series")[index]);
            }
          },
        ],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width > 4) {
              this.zoom([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
              plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            }
          },
        ],
      },
      legend: { live: true },
      scales: {
        x: {
          time,
          distr: this.look.logX && !time ? 3 : 1,
          range: (plot, least, greatest) => this.seen(plot.data[0], least, greatest),
        },
        y: this.look.logY ? { distr: 3 } : { range: (_, least, greatest) => shownOf(least, greatest) },
      },
      padding: [8, 12, 0, 0],
      axes: [{ ...axis, size: 32 }, { ...axis, size: 56, values: (_, ticks) => ticks.map(tick) }],
      series: [
        { label, ...(time ? {} : { value: (_: uPlot, x: number | null) => tick(x) }) },
        ...shown.map((each) => this.drawnAs(each)),
      ],
      bands: shown.flatMap((each, index) =>
        each.part === "high" ? [{ series: [index + 1, index + 2] as [number, number], fill: this.shade(each.line) }] : [],
      ),
    };
  }

  /** Of one point alone uPlot would show a hundred steps. */
  private seen(xs: ArrayLike<number>, least: number, greatest: number): uPlot.Range.MinMax {
    const only = xs.length === 1 ? xs[0] : undefined;
    const [from, to] = this.look.range ?? (only === undefined ? [least, greatest] : [only, only]);
    if (from === to) {
      return this.look.logX && from > 0 ? [from / 2, to * 2] : [from - 0.5, to + 0.5];
    }
    return [from, to];
  }

  private drawnAs({ label, line, part, band }: Shown): uPlot.Series {
    const stroke = this.strokeOf(line);
    if (part === "low" || part === "high") {
      return { label: `${label} (${part})`, width: 0, points: { show: false }, class: "band" };
    }
    const value = (plot: uPlot, y: number | null, _: number, at: number | null): string => {
      const [high, low] = at === null || !band ? [] : band.map((column) => plot.data[column]?.[at] ?? null);
      return this.wanted.length === 1 && typeof low === "number" && typeof high === "number" ? `${tick(y)} (${tick(low)} to ${tick(high)})` : tick(y);
    };
    return {
      label,
      stroke,
      width: part === "raw" ? 1 : 1.75,
      alpha: part === "raw" ? 0.3 : 1,
      dash: DASHES[Math.floor(line / COLOURS) % DASHES.length] ?? [],
      points: { size: 4 },
      value,
    };
  }

  private strokeOf(line: number): string {
    return this.colours[line % COLOURS] ?? "";
  }

  private shade(line: number): string {
    return this.strokeOf(line).replace(/^rgb\((.*)\)$/, "rgba($1, 0.18)");
  }
}

/** What the legend says of the line that the cursor is near: of a hundred it shows a few at a time. */
function bringIntoView(row: HTMLElement | undefined): void {
  const box = row?.closest<HTMLElement>(".u-legend");
  if (row && box) {
    box.scrollTop += row.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 2;
  }
}

function shownOf(least: number | null, greatest: number | null): uPlot.Range.MinMax {
  if (least === null || greatest === null) {
    return [0, 1];
  }
  return least === greatest ? [...near(least)] : uPlot.rangeNum(least, greatest, 0.1, true);
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

export function tick(value: number | null): string {
  if (value === null) {
    return "–";
  }
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6)
    ? value.toExponential(2)
    : String(Number(value.toPrecision(5)));
}
