// Params and metrics of some runs against each other, drawn by ECharts, which is fetched only here and
// only when the place for it comes into view.

import type { Drawing, Look } from "./drawing.ts";

export interface Axis {
  name: string;
  kind: "params" | "metrics";
  values: (number | string | null)[];
}

export interface Compared {
  runs: { id: string; name: string }[];
  axes: Axis[];
}

// What an eye can follow.
const AXES = 12;

export function mountPlots(root: HTMLElement): void {
  for (const section of root.querySelectorAll<HTMLElement>("[data-plots]")) {
    new Plots(section, JSON.parse(section.dataset["plots"] ?? "") as Compared);
  }
}

class Plots {
  private readonly section: HTMLElement;
  private readonly compared: Compared;
  private readonly place: HTMLElement;
  private drawing: Drawing | null = null;
  private readonly x: HTMLSelectElement;
  private readonly y: HTMLSelectElement;
  private readonly colour: HTMLSelectElement;

  constructor(section: HTMLElement, compared: Compared) {
    this.section = section;
    this.compared = compared;
    this.place = section.querySelector<HTMLElement>("[data-plot]") ?? section;
    section.hidden = compared.axes.length < 2;
    const [params, metrics] = [this.fullest("params"), this.fullest("metrics")];
    this.x = this.select("x", params >= 0 ? params : 0);
    this.y = this.select("y", metrics >= 0 ? metrics : 1);
    this.colour = this.select("colour", metrics >= 0 ? metrics : 1);
    section.addEventListener("change", () => this.draw());
    document.addEventListener("podium:theme", () => this.draw());
    new ResizeObserver(() => this.drawing?.resize()).observe(this.place);
    const seen = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        seen.disconnect();
        void this.load();
      }
    });
    seen.observe(this.place);
  }

  /** The first axis of a kind that most runs have a value on; -1 without any. */
  private fullest(kind: Axis["kind"]): number {
    const having = this.compared.axes.map((axis) => (axis.kind === kind ? axis.values.filter((each) => each !== null).length : 0));
    const most = Math.max(...having);
    return most > 0 ? having.indexOf(most) : -1;
  }

  private async load(): Promise<void> {
    try {
      const { Drawing } = await import("./drawing.ts");
      this.drawing = new Drawing(this.place);
      this.say("");
      this.draw();
    } catch {
      this.say("The drawing could not be loaded. Load the page again to try once more.");
    }
  }

  private draw(): void {
    const kind = this.section.querySelector<HTMLInputElement>("input[name=plot]:checked")?.value;
    const scatter = kind === "scatter";
    for (const select of [this.x, this.y]) {
      select.parentElement?.toggleAttribute("hidden", !scatter);
    }
    const [x, y, colour] = [this.x, this.y, this.colour].map((select) => this.compared.axes[Number(select.value)]);
    if (!this.drawing || !x || !y || !colour) {
      return;
    }
    const look: Look = scatter ? { kind: "scatter", x, y, colour } : { kind: "parallel", axes: this.parallel(colour), colour };
    this.place.setAttribute(
      "aria-label",
      scatter ? `Scatter plot of ${y.name} against ${x.name}.` : `Parallel coordinates of ${look.kind === "parallel" ? look.axes.length : 0} params and metrics. The table above has the values.`,
    );
    this.drawing.draw(this.compared.runs, look);
  }

  /** Params first, metrics then, the one that colours last; of too many, some of each. */
  private parallel(colour: Axis): Axis[] {
    const others = this.compared.axes.filter((axis) => axis !== colour);
    const params = others.filter((axis) => axis.kind === "params").slice(0, AXES - 5);
    const metrics = others.filter((axis) => axis.kind === "metrics").slice(0, AXES - 1 - params.length);
    return [...params, ...metrics, colour];
  }

  private select(label: string, chosen: number): HTMLSelectElement {
    const select = document.createElement("select");
    this.compared.axes.forEach((axis, index) => {
      select.add(new Option(`${axis.name}`, String(index), false, index === chosen));
    });
    select.setAttribute("aria-label", label);
    const around = document.createElement("label");
    around.className = "field";
    around.append(label, select);
    this.section.querySelector("[data-axes]")?.append(around);
    return select;
  }

  private say(text: string): void {
    const note = this.section.querySelector<HTMLElement>("[data-note]");
    if (note) {
      note.textContent = text;
      note.hidden = text === "";
    }
  }
}
