// The island of a run's metrics: finds, groups and pins the figures of <section data-metrics>. The
// server has drawn the first of them; of the others it sends the keys when they are needed, and a
// figure is made when it comes into view.

import type { Board } from "./charts.ts";
import { boards } from "./charts.ts";
import { arrange, find, type Group } from "./groups.ts";

const AT_ONCE = 60;

export function mountMetrics(root: HTMLElement): void {
  for (const section of root.querySelectorAll<HTMLElement>("[data-metrics]")) {
    const board = boards.get(section);
    const groups = section.querySelector<HTMLElement>("[data-groups]");
    const form = section.querySelector("form");
    const sample = section.querySelector<HTMLTemplateElement>("template[data-figure]");
    if (board && groups && form && sample) {
      new Metrics(section, board, groups, form, sample);
    }
  }
}

class Metrics {
  private keys: string[];
  private readonly figures = new Map<string, HTMLElement>();
  private readonly shut = new Set<string>();
  private readonly pins: Pins;
  private readonly prefix: string;
  /** How many figures of a group are there, by its name. */
  private readonly shown = new Map<string, number>();
  private readonly end: IntersectionObserver;
  private total = 0;
  private readonly section: HTMLElement;
  private readonly board: Board;
  private readonly groups: HTMLElement;
  private readonly form: HTMLFormElement;
  private readonly sample: HTMLTemplateElement;

  constructor(
    section: HTMLElement,
    board: Board,
    groups: HTMLElement,
    form: HTMLFormElement,
    sample: HTMLTemplateElement,
  ) {
    this.section = section;
    this.board = board;
    this.groups = groups;
    this.form = form;
    this.sample = sample;
    this.prefix = section.dataset["system"] === "yes" ? "system/" : "";
    this.pins = new Pins(section.dataset["pins"] ?? "");
    for (const figure of section.querySelectorAll<HTMLElement>("figure[data-key]")) {
      this.figures.set(figure.dataset["key"] ?? "", figure);
      this.mountPin(figure);
    }
    this.keys = [...this.figures.keys()].sort();
    this.total = this.told();
    this.end = new IntersectionObserver((entries) => this.more(entries), { rootMargin: "400px" });
    form.addEventListener("input", (event) => {
      if (event.target instanceof HTMLInputElement && ["q", "group"].includes(event.target.name)) {
        this.show();
      }
    });
    groups.addEventListener("toggle", (event) => this.toggled(event.target), { capture: true });
    document.addEventListener("podium:fresh", () => {
      if (this.section.isConnected && this.told() !== this.total) {
        void this.fetchKeys();
      }
    });
    if (this.keys.length < this.total) {
      void this.fetchKeys();
    } else {
      this.offerAxes();
      this.show();
    }
  }

  private told(): number {
    return Number(document.getElementById("metrics-told")?.dataset["total"] ?? 0);
  }

  private async fetchKeys(): Promise<void> {
    try {
      const response = await fetch(this.section.dataset["metrics"] ?? "");
      if (!response.ok) {
        return; // what the server has drawn stays
      }
      const { metrics } = (await response.json()) as { metrics: { key: string }[] };
      this.keys = metrics.map(({ key }) => key).filter((key) => key.startsWith("system/") === (this.prefix !== ""));
      this.total = this.told();
      this.offerAxes();
      this.show();
    } catch {
      // the server is away for a moment
    }
  }

  /** Keys that another metric can be drawn along. */
  private offerAxes(): void {
    const list = this.section.querySelector("datalist");
    list?.replaceChildren(
      ...this.keys.slice(0, 1000).map((key) => Object.assign(document.createElement("option"), { value: key })),
    );
  }

  private show(): void {
    const refused = this.section.querySelector<HTMLElement>("[data-refused]");
    const text = (name: string): string => this.form.querySelector<HTMLInputElement>(`[name="${name}"]`)?.value ?? "";
    let groups: Group[];
    let found: string[];
    try {
      found = find(this.keys, text("q").trim());
      groups = arrange(found, text("group").trim(), this.prefix, this.pins.keys);
    } catch (error) {
      if (refused) {
        refused.textContent = `${error instanceof Error ? error.message : error}. Write it as in /val.*loss/ or ^[^/]+.`;
        refused.hidden = false;
      }
      return;
    }
    if (refused) {
      refused.hidden = true;
    }
    const count = this.section.querySelector("[data-count]");
    if (count) {
      const all = this.keys.length;
      count.textContent = found.length === all ? `${all} ${all === 1 ? "metric" : "metrics"}` : `${found.length} of ${all} metrics`;
    }
    this.place(groups);
  }

  /** Put the groups on the page; what is in its place already is not touched. */
  private place(groups: Group[]): void {
    const old = new Map([...this.groups.children].map((each) => [(each as HTMLElement).dataset["group"] ?? "", each as HTMLDetailsElement]));
    const wanted = groups.map((group) => old.get(group.name) ?? this.makeGroup(group));
    if (wanted.length !== this.groups.children.length || wanted.some((each, index) => this.groups.children[index] !== each)) {
      this.groups.replaceChildren(...wanted);
    }
    groups.forEach((group, index) => {
      const place = wanted[index] as HTMLDetailsElement;
      place.classList.toggle("lone", groups.length === 1 && group.name === "");
      this.fill(place, group);
    });
  }

  private makeGroup(group: Group): HTMLDetailsElement {
    const made = document.createElement("details");
    made.className = "group";
    made.dataset["group"] = group.name;
    made.open = !this.shut.has(group.name);
    const head = made.appendChild(document.createElement("summary"));
    head.append(Object.assign(document.createElement("h2"), { textContent: group.name || "No group" }), " ");
    head.append(Object.assign(document.createElement("span"), { className: "quiet" }));
    made.append(Object.assign(document.createElement("div"), { className: "charts" }));
    return made;
  }

  private fill(place: HTMLDetailsElement, group: Group): void {
    const count = place.querySelector("summary .quiet");
    if (count) {
      count.textContent = group.keys.length.toLocaleString("en");
    }
    const grid = place.querySelector(".charts");
    const shown = Math.min(group.keys.length, this.shown.get(group.name) ?? AT_ONCE);
    const figures = group.keys.slice(0, shown).map((key) => this.figure(key));
    if (grid && (grid.children.length !== figures.length || figures.some((each, index) => grid.children[index] !== each))) {
      grid.replaceChildren(...figures);
    }
    place.querySelector("[data-rest]")?.remove();
    if (shown < group.keys.length) {
      const rest = place.appendChild(document.createElement("p"));
      rest.dataset["rest"] = group.name;
      rest.className = "quiet";
      rest.textContent = `${(group.keys.length - shown).toLocaleString("en")} more`;
      this.end.observe(rest);
    }
  }

  private more(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const name = (target as HTMLElement).dataset["rest"];
      if (isIntersecting && name !== undefined) {
        this.end.unobserve(target);
        this.shown.set(name, (this.shown.get(name) ?? AT_ONCE) + AT_ONCE);
        this.show();
      }
    }
  }

  private toggled(place: EventTarget | null): void {
    if (place instanceof HTMLDetailsElement && place.dataset["group"] !== undefined) {
      this.shut[place.open ? "delete" : "add"](place.dataset["group"]);
    }
  }

  private figure(key: string): HTMLElement {
    const known = this.figures.get(key);
    if (known) {
      return known;
    }
    const made = (this.sample.content.firstElementChild as HTMLElement).cloneNode(true) as HTMLElement;
    const { run, start } = this.section.dataset;
    made.dataset["key"] = key;
    made.dataset["series"] = JSON.stringify([{ run_id: run, key, label: key, start: Number(start) }]);
    const title = made.querySelector("h3");
    if (title) {
      title.textContent = key;
    }
    made.querySelector(".pin")?.setAttribute("aria-label", `Pin ${key}`);
    const summary = made.querySelector("p.visually-hidden");
    if (summary) {
      summary.textContent = `Line chart of ${key}. The table of metrics has its figures.`;
    }
    this.figures.set(key, made);
    this.mountPin(made);
    this.board.add(made);
    return made;
  }

  private mountPin(figure: HTMLElement): void {
    const button = figure.querySelector<HTMLButtonElement>(".pin");
    const key = figure.dataset["key"] ?? "";
    button?.setAttribute("aria-pressed", String(this.pins.keys.has(key)));
    button?.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(this.pins.toggle(key)));
      this.show();
      button.focus();
    });
  }
}


/** A reader's own, for all runs of an experiment. */
class Pins {
  readonly keys: Set<string>;
  private readonly place: string;

  constructor(experiment: string) {
    this.place = `podium.pins.${experiment}`;
    let kept: unknown = [];
    try {
      kept = JSON.parse(localStorage.getItem(this.place) ?? "[]");
    } catch {
      // no storage, or not ours
    }
    this.keys = new Set(Array.isArray(kept) ? kept.filter((each) => typeof each === "string") : []);
  }

  toggle(key: string): boolean {
    const on = !this.keys.delete(key);
    if (on) {
      this.keys.add(key);
    }
    try {
      localStorage.setItem(this.place, JSON.stringify([...this.keys]));
    } catch {
      // it lasts as long as the page
    }
    return on;
  }
}
