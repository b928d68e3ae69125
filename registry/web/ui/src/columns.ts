// The chooser of columns: those that are shown, in their order, and all keys there are, of which only
// the rows in view are in the page. Each change is a new address, so the table is fetched anew and this
// is mounted again: what the reader was doing in it stands in `reading`.

import htmx from "htmx.org";
import { keysFrom, matching, type Keys } from "./keys.ts";

const ROW = 28;
const SPARE = 4;
const AGGREGATED = /^(min|max|first)\((metrics\..+)\)$/s;
const RUN = ["attributes.status", "attributes.start_time", "attributes.end_time", "attributes.duration", "attributes.user_id", "attributes.run_id", "datasets.name", "tags.mlflow.source.git.commit", "tags.mlflow.source.name"];

/** `coming`: a changed table is on its way, and takes the focus with the old one. */
const reading = { open: false, search: "", scroll: 0, focus: "", coming: false };

// Of the page, not of a chooser: from the exchange of a table until its own is mounted there is none to
// hear a key, and what stands in `reading` is what the next one follows.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && reading.open) {
    reading.open = false;
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details[data-columns][open]")) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  }
});

export function mountColumns(root: HTMLElement): void {
  for (const menu of root.querySelectorAll<HTMLDetailsElement>("details[data-columns]")) {
    new Chooser(menu);
  }
}

class Chooser {
  private readonly menu: HTMLDetailsElement;
  private readonly labels = new Map<string, string>();
  private shown: string[];
  private all: string[] = [];
  private found: string[] = [];
  private readonly search = document.createElement("input");
  private readonly list = document.createElement("ol");
  private readonly box = document.createElement("div");
  private readonly rows = document.createElement("div");

  constructor(menu: HTMLDetailsElement) {
    this.menu = menu;
    for (const input of menu.querySelectorAll<HTMLInputElement>("input[name=column]")) {
      this.labels.set(input.value, input.parentElement?.textContent?.trim() ?? input.value);
    }
    this.shown = (menu.dataset["shown"] ?? "").split("\n").filter(Boolean);
    menu.addEventListener("toggle", () => {
      reading.open = menu.open;
      if (menu.open) {
        void this.open();
      }
    });
    const elsewhere = (event: Event): void => {
      if (!menu.isConnected) {
        document.removeEventListener("pointerdown", elsewhere);
      } else if (menu.open && !event.composedPath().includes(menu)) {
        reading.open = menu.open = false;
      }
    };
    document.addEventListener("pointerdown", elsewhere);
    if (menu.open) {
      reading.open = true; // before this was there
      void this.open();
    } else if (reading.open) {
      menu.open = true;
    } else if (reading.coming && document.activeElement === document.body) {
      menu.querySelector("summary")?.focus(); // closed while it waited
    }
    reading.coming = false;
  }

  private async open(): Promise<void> {
    const keys = await keysFrom(this.menu.dataset["columns"] ?? "");
    if (this.all.length === 0) {
      this.build(keys);
    }
    this.restore();
  }

  private build(keys: Keys): void {
    this.all = [
      ...RUN,
      ...keys.metrics.map((key) => `metrics.${key}`),
      ...keys.params.map((key) => `params.${key}`),
      ...keys.tags.filter((key) => !/^(mlflow|podium)\./.test(key)).map((key) => `tags.${key}`),
    ].filter((name) => !name.includes("`"));
    this.search.type = "search";
    this.search.placeholder = `Find one of ${this.all.length.toLocaleString("en")} columns`;
    this.search.setAttribute("aria-label", "Find a column");
    this.search.dataset["focus"] = "search";
    this.search.value = reading.search;
    this.list.className = "shown";
    this.list.setAttribute("aria-label", "Shown columns, in their order");
    this.box.className = "keys";
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", "All columns");
    this.box.append(this.rows);
    this.menu.querySelector("form")?.replaceWith(wrap(this.search, this.box, this.list));
    this.search.addEventListener("input", () => {
      reading.search = this.search.value;
      this.box.scrollTop = 0;
      this.find();
    });
    this.search.addEventListener("keydown", (event) => this.step(event, -1));
    this.box.addEventListener("scroll", () => {
      reading.scroll = this.box.scrollTop;
      this.draw();
    });
    this.drawShown();
    this.find();
  }

  private restore(): void {
    this.box.scrollTop = reading.scroll;
    this.draw();
    this.focus();
  }

  /** On what the reader was on; a button that is shut now hands on to its neighbours. */
  private focus(): void {
    const before = [...this.menu.querySelectorAll<HTMLElement>("[data-focus]")];
    const again = before.find((each) => each.dataset["focus"] === reading.focus);
    const open = again?.matches(":disabled") ? again.parentElement?.querySelector<HTMLElement>("button:enabled") : again;
    (open ?? this.search).focus({ preventScroll: true });
  }

  private find(): void {
    this.found = matching(this.all, this.search.value.trim(), Infinity, (name) => this.label(name));
    this.rows.style.height = `${this.found.length * ROW}px`;
    this.draw();
  }

  /** The rows in view and a few around them. */
  private draw(): void {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    const last = first + Math.ceil(this.box.clientHeight / ROW) + 2 * SPARE;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["focus"] : undefined;
    this.rows.replaceChildren(...this.found.slice(first, last).map((name, index) => this.row(name, first + index)));
    if (focused?.startsWith("key ")) {
      this.rows.querySelector<HTMLElement>(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
  }

  private row(name: string, index: number): HTMLElement {
    const row = document.createElement("label");
    row.style.top = `${index * ROW}px`;
    const tick = document.createElement("input");
    tick.type = "checkbox";
    tick.checked = this.shown.includes(name);
    tick.dataset["focus"] = `key ${name}`;
    tick.addEventListener("change", () =>
      this.show(tick.checked ? [...this.shown, name] : this.shown.filter((each) => each !== name), tick),
    );
    tick.addEventListener("keydown", (event) => this.step(event, index));
    const kind = text(RUN.includes(name) ? "run" : name.slice(0, name.indexOf(".") - 1));
    kind.className = "quiet";
    row.append(tick, text(this.label(name)), kind);
    row.title = this.label(name);
    return row;
  }

  private step(event: KeyboardEvent, index: number): void {
    const to = index + ({ ArrowDown: 1, ArrowUp: -1 }[event.key] ?? 0);
    const name = this.found[to];
    if (to === index || name === undefined) {
      return;
    }
    event.preventDefault();
    const top = to * ROW;
    if (top < this.box.scrollTop) {
      this.box.scrollTop = top;
    } else if (top + ROW > this.box.scrollTop + this.box.clientHeight) {
      this.box.scrollTop = top + ROW - this.box.clientHeight;
    }
    this.draw();
    this.rows.querySelector<HTMLElement>(`[data-focus="${CSS.escape(`key ${name}`)}"]`)?.focus({ preventScroll: true });
  }

  private drawShown(): void {
    this.list.replaceChildren(...this.shown.map((name, index) => this.shownRow(name, index)));
  }

  private shownRow(name: string, index: number): HTMLElement {
    const [, aggregate = "last", plain = name] = AGGREGATED.exec(name) ?? [];
    const item = document.createElement("li");
    const label = text(this.label(plain));
    label.title = this.label(plain);
    item.append(label);
    if (plain.startsWith("metrics.")) {
      const select = document.createElement("select");
      select.setAttribute("aria-label", `Which value of ${this.label(plain)}`);
      select.dataset["focus"] = `of ${plain}`;
      for (const each of ["last", "min", "max", "first"]) {
        select.add(new Option(each, each, false, each === aggregate));
      }
      select.addEventListener("change", () => {
        const other = select.value === "last" ? plain : `${select.value}(${plain})`;
        this.show(this.shown.map((each) => (each === name ? other : each)), select);
      });
      item.append(select);
    }
    const move = (by: number) => (event: Event) => {
      const order = [...this.shown];
      order.splice(index + by, 0, ...order.splice(index, 1));
      this.show(order, event.currentTarget as HTMLElement);
    };
    item.append(
      button("↑", `Move ${this.label(plain)} to the left`, `up ${name}`, index > 0 ? move(-1) : null),
      button("↓", `Move ${this.label(plain)} to the right`, `down ${name}`, index < this.shown.length - 1 ? move(1) : null),
      button("×", `Hide ${this.label(plain)}`, `hide ${name}`, (event) =>
        this.show(this.shown.filter((each) => each !== name), event.currentTarget as HTMLElement),
      ),
    );
    return item;
  }

  /** The table with these columns; without any, with those that a table has by itself. */
  private show(columns: string[], by: HTMLElement): void {
    reading.focus = by.dataset["focus"] ?? "";
    this.shown = [...new Set(columns)];
    this.drawShown();
    this.draw();
    this.focus();
    reading.coming = true;
    const url = new URL(location.href);
    url.searchParams.delete("column");
    this.shown.forEach((name) => url.searchParams.append("column", name));
    void htmx.ajax("get", url.pathname + url.search, {
      source: "#view",
      target: "#view",
      select: "#view",
      swap: "outerHTML",
      push: "true",
    });
  }

  private label(name: string): string {
    return this.labels.get(name) ?? name.slice(name.indexOf(".") + 1);
  }
}

function text(content: string): HTMLElement {
  const made = document.createElement("span");
  made.textContent = content;
  return made;
}

function wrap(...children: HTMLElement[]): HTMLElement {
  const made = document.createElement("div");
  made.append(...children);
  return made;
}

function button(sign: string, label: string, focus: string, act: ((event: Event) => void) | null): HTMLElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "small";
  made.textContent = sign;
  made.setAttribute("aria-label", label);
  made.dataset["focus"] = focus;
  made.disabled = act === null;
  if (act) {
    made.addEventListener("click", act);
  }
  return made;
}
