// Runs that are ticked: they stay so from page to page and through every filter and order, until
// something is done with them. What can be done says how many they are.

const MAX = 1000;

export function mountSelection(root: HTMLElement): void {
  for (const form of root.querySelectorAll<HTMLFormElement>("form[data-selection]")) {
    new Selection(form);
  }
}

class Selection {
  private readonly form: HTMLFormElement;
  private readonly name: string;
  private readonly chosen: Set<string>;
  private readonly ticks: HTMLInputElement[];
  private readonly all = document.createElement("input");
  private last = -1;

  constructor(form: HTMLFormElement) {
    this.form = form;
    this.name = `selection ${form.dataset["selection"]}`;
    this.chosen = new Set(JSON.parse(sessionStorage.getItem(this.name) ?? "[]") as string[]);
    this.ticks = [...form.querySelectorAll<HTMLInputElement>("tbody input[name=run]")];
    this.all.type = "checkbox";
    this.all.setAttribute("aria-label", "Select every run of this page");
    form.querySelector("th.tick")?.replaceChildren(this.all);
    this.all.addEventListener("change", () => {
      this.ticks.forEach((tick) => this.set(tick, this.all.checked));
      this.keep();
    });
    form.addEventListener("click", (event) => this.click(event));
    form.addEventListener("submit", (event) => this.send(event));
    const clear = form.querySelector<HTMLButtonElement>("[data-clear]");
    clear?.removeAttribute("hidden");
    clear?.addEventListener("click", () => {
      this.chosen.clear();
      this.keep();
    });
    this.keep();
  }

  private click(event: MouseEvent): void {
    const at = this.ticks.indexOf(event.target as HTMLInputElement);
    const tick = this.ticks[at];
    if (!tick) {
      return;
    }
    const [from, to] = event.shiftKey && this.last >= 0 ? [Math.min(at, this.last), Math.max(at, this.last)] : [at, at];
    this.ticks.slice(from, to + 1).forEach((each) => this.set(each, tick.checked));
    this.last = at;
    this.keep();
  }

  private set(tick: HTMLInputElement, on: boolean): void {
    if (on && this.chosen.size < MAX) {
      this.chosen.add(tick.value);
    } else {
      this.chosen.delete(tick.value);
    }
  }

  /** Shows and remembers what is chosen. */
  private keep(): void {
    sessionStorage.setItem(this.name, JSON.stringify([...this.chosen]));
    this.ticks.forEach((tick) => (tick.checked = this.chosen.has(tick.value)));
    const here = this.ticks.filter((tick) => tick.checked).length;
    this.all.checked = here > 0 && here === this.ticks.length;
    this.all.indeterminate = here > 0 && here < this.ticks.length;
    const count = this.form.querySelector("[data-count]");
    if (count) {
      count.textContent = `${this.chosen.size} selected`;
    }
    for (const button of this.form.querySelectorAll<HTMLButtonElement>("[data-needs]")) {
      button.disabled = this.chosen.size < Number(button.dataset["needs"]);
    }
  }

  /** The runs of other pages go along. What is deleted or restored is chosen no more. */
  private send(event: SubmitEvent): void {
    const by = event.submitter instanceof HTMLButtonElement ? event.submitter.formAction : "";
    const change = by.includes("/selection/");
    const here = new Set(this.ticks.map((tick) => tick.value));
    this.form.querySelectorAll("[data-more]").forEach((field) => field.remove());
    for (const run of this.chosen) {
      if (!here.has(run)) {
        const field = document.createElement("input");
        field.type = "hidden";
        field.name = "run";
        field.value = run;
        field.dataset["more"] = "";
        this.form.append(field);
      }
    }
    for (const field of this.form.querySelectorAll<HTMLInputElement>("input[type=text]")) {
      field.disabled = !change;
    }
    if (/selection\/(delete|restore)/.test(by)) {
      sessionStorage.removeItem(this.name);
    }
  }
}
