// The only module that knows ECharts: parallel coordinates and scatter plots of runs. It is a file of
// its own, which pages that draw neither never load. What is pointed at is told on the canvas, as text:
// an HTML tooltip would bring styles that the Content-Security-Policy refuses, and names as markup.

import { ParallelChart, ScatterChart } from "echarts/charts";
import { GridComponent, ParallelComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { init, use, type EChartsType } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import type { Axis, Compared } from "./plots.ts";

use([ParallelChart, ScatterChart, GridComponent, ParallelComponent, TooltipComponent, VisualMapComponent, CanvasRenderer]);

export type Look =
  | { kind: "parallel"; axes: Axis[]; colour: Axis }
  | { kind: "scatter"; x: Axis; y: Axis; colour: Axis };

type Runs = Compared["runs"];

const FONT = { fontFamily: "system-ui, sans-serif", fontSize: 12 };

export class Drawing {
  private readonly place: HTMLElement;
  private readonly chart: EChartsType;

  constructor(place: HTMLElement) {
    this.place = place;
    this.chart = init(place);
  }

  resize(): void {
    this.chart.resize();
  }

  draw(runs: Runs, look: Look): void {
    const common = {
      animation: false,
      textStyle: FONT,
      tooltip: this.tooltip(runs, look),
      visualMap: this.scale(look),
    };
    this.chart.setOption({ ...common, ...(look.kind === "parallel" ? this.parallel(runs, look.axes) : this.scatter(runs, look)) }, true);
  }

  private parallel(runs: Runs, axes: Axis[]): object {
    return {
      parallel: { left: 56, right: 96, top: 64, bottom: 32, parallelAxisDefault: this.axis() },
      parallelAxis: axes.map((axis, dim) => ({
        dim,
        name: axis.name,
        nameTruncate: { maxWidth: 110, ellipsis: "…" },
        nameRotate: axes.length > 7 ? 20 : 0,
        ...typeOf(axis),
      })),
      series: {
        type: "parallel",
        lineStyle: { width: runs.length > 30 ? 1 : 1.75, opacity: 0.75 },
        emphasis: { lineStyle: { width: 3, opacity: 1 } },
        data: runs.map((run, index) => ({ name: run.name, value: axes.map((axis) => axis.values[index] ?? "-") })),
      },
    };
  }

  private scatter(runs: Runs, { x, y, colour }: { x: Axis; y: Axis; colour: Axis }): object {
    const named = (axis: Axis, gap: number): object => ({ ...this.axis(), ...typeOf(axis), name: axis.name, nameLocation: "middle", nameGap: gap, scale: true });
    return {
      grid: { left: 72, right: 112, top: 24, bottom: 56 },
      xAxis: named(x, 32),
      yAxis: named(y, 52),
      series: {
        type: "scatter",
        symbolSize: 10,
        data: runs.flatMap((run, index) => {
          const value = [x.values[index], y.values[index], colour.values[index]];
          return value[0] === null || value[1] === null ? [] : [{ name: run.name, value: value.map((each) => each ?? "-") }];
        }),
      },
    };
  }

  /** From the least to the greatest value of the axis that colours, along a ramp that prints grey, too. */
  private scale({ kind, ...look }: Look): object {
    const { colour } = look;
    const dimension = kind === "parallel" ? (look as { axes: Axis[] }).axes.indexOf(colour) : 2;
    const numbers = colour.values.filter((each): each is number => typeof each === "number");
    const text = { textStyle: { ...FONT, color: this.token("--quiet") }, right: 8, top: "middle", dimension };
    if (numbers.length === 0) {
      const categories = categoriesOf(colour);
      return { ...text, type: "piecewise", categories, inRange: { color: categories.map((_, index) => this.token(`--series-${1 + (index % 8)}`)) }, show: categories.length <= 12 };
    }
    return {
      ...text,
      type: "continuous",
      min: Math.min(...numbers),
      max: Math.max(...numbers),
      calculable: false,
      itemHeight: 160,
      itemWidth: 10,
      inRange: { color: [this.token("--series-1"), this.token("--quiet"), this.token("--series-2")] },
      outOfRange: { color: this.token("--rule") },
      formatter: short,
    };
  }

  private tooltip(runs: Runs, look: Look): object {
    const axes = look.kind === "parallel" ? look.axes : [look.x, look.y, look.colour];
    return {
      renderMode: "richText",
      backgroundColor: this.token("--raised"),
      borderColor: this.token("--rule"),
      textStyle: { ...FONT, color: this.token("--ink") },
      formatter: ({ name, value }: { name: string; value: unknown[] }) =>
        [name, ...new Set(axes.map((axis, index) => `${axis.name}: ${value[index]}`))].map(plain).join("\n"),
      show: runs.length > 0,
    };
  }

  private axis(): object {
    return {
      axisLine: { lineStyle: { color: this.token("--edge") } },
      axisTick: { lineStyle: { color: this.token("--edge") } },
      axisLabel: { ...FONT, color: this.token("--quiet"), width: 90, overflow: "truncate", formatter: short },
      splitLine: { lineStyle: { color: this.token("--rule") } },
      nameTextStyle: { ...FONT, color: this.token("--ink") },
    };
  }

  /** The colour a custom property stands for in the theme that is on. */
  private token(property: string): string {
    const probe = document.createElement("span");
    probe.style.color = `var(${property})`;
    this.place.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }
}

/** Numbers have a scale, texts a place each; what are four powers of ten apart, a logarithmic scale. */
function typeOf(axis: Axis): object {
  const numbers = axis.values.filter((each): each is number => typeof each === "number");
  if (numbers.length === 0 || axis.values.some((each) => typeof each === "string")) {
    return { type: "category", data: categoriesOf(axis) };
  }
  const [least, greatest] = [Math.min(...numbers), Math.max(...numbers)];
  return least > 0 && greatest / least >= 100 ? { type: "log", min: least, max: greatest } : { type: "value", scale: true };
}

function categoriesOf(axis: Axis): string[] {
  return [...new Set(axis.values.flatMap((each) => (each === null ? [] : [String(each)])))].sort();
}

function short(value: number | string): string {
  return typeof value === "number" ? String(Number(value.toPrecision(3))) : value;
}

/** Without the braces that rich text gives a meaning to. */
function plain(text: string): string {
  return text.replace(/[{}|]/g, " ");
}
