// The filter box: what could come next, in a list below it (the combobox pattern of the ARIA practices).
//
// Nothing is chosen until an arrow key says so; so Enter still searches and Tab still leaves the box.

import { keysFrom, NO_KEYS, type Keys } from "./keys.ts";
import { suggest, type Suggestion } from "./suggest.ts";

const LIST = "suggestions";

export function mountCompletion(root: HTMLElement): void {
  for (const box of root.querySelectorAll<HTMLInputElement>("input[data-complete]")) {
    new Completion(box);
  }
  const wrong = root.querySelector<HTMLElement>("pre[data-offset]");
  const box = root.querySelector<HTMLInputElement>("input[data-complete]");
  if (wrong && box) {
    const at = Number(wrong.dataset["offset"]);
    box.focus();
    box.setSelectionRange(at, at);
  }
}

class Completion {
  private readonly box: HTMLInputElement;
  private readonly list = document.createElement("ul");
  private keys: Keys = NO_KEYS;
  private offered: Suggestion[] = [];
  private active = -1;
  private asked = false;

  constructor(box: HTMLInputElement) {
    this.box = box;
    this.list.id = LIST;
    this.list.className = "suggestions";
    this.list.hidden = true;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "What could come next");
    box.after(this.list);
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": LIST })) {
      box.setAttribute(name, value);
    }
    box.addEventListener("focus", () => void this.fetch());
    box.addEventListener("input", () => this.offer());
    box.addEventListener("keydown", (event) => this.press(event));
    box.addEventListener("blur", () => this.close());
    // Before the box loses the focus to the list.
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const chosen = (event.target as HTMLElement).closest<HTMLElement>("[role=option]");
      if (chosen) {
        this.accept(Number(chosen.dataset["index"]));
      }
    });
    // It may have been entered, and written into, before this was there.
    if (document.activeElement === box) {
      this.asked = box.value !== box.defaultValue;
      void this.fetch();
    }
  }

  private async fetch(): Promise<void> {
    this.keys = await keysFrom(this.box.dataset["complete"] ?? "");
    // Who types faster than the keys arrive is offered them all the same, unless a choice is under way.
    if (this.asked && this.active < 0) {
      this.offer();
    }
  }

  private offer(): void {
    this.asked = true;
    const caret = this.box.selectionStart ?? this.box.value.length;
    this.offered = suggest(this.box.value, caret, this.keys);
    this.active = -1;
    this.list.replaceChildren(
      ...this.offered.map((each, index) => {
        const item = document.createElement("li");
        item.id = `${LIST}-${index}`;
        item.dataset["index"] = String(index);
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        item.textContent = each.label;
        return item;
      }),
    );
    this.show(this.offered.length > 0);
  }

  private press(event: KeyboardEvent): void {
    const open = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) {
        this.offer();
      }
      this.choose(this.active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (open && this.active >= 0 && (event.key === "Enter" || event.key === "Tab")) {
      event.preventDefault();
      this.accept(this.active);
    } else if (open && event.key === "Escape") {
      event.preventDefault();
      this.close();
    }
  }

  private choose(index: number): void {
    const count = this.offered.length;
    this.list.children[this.active]?.setAttribute("aria-selected", "false");
    this.active = count === 0 ? -1 : (index + count) % count;
    const item = this.list.children[this.active];
    item?.setAttribute("aria-selected", "true");
    item?.scrollIntoView({ block: "nearest" });
    this.box.setAttribute("aria-activedescendant", item?.id ?? "");
  }

  private accept(index: number): void {
    const chosen = this.offered[index];
    if (chosen) {
      const caret = this.box.selectionStart ?? this.box.value.length;
      this.box.setRangeText(chosen.text, chosen.from, caret, "end");
      this.offer();
    }
  }

  private close(): void {
    this.asked = false;
    this.show(false);
    this.active = -1;
  }

  private show(open: boolean): void {
    this.list.hidden = !open;
    this.box.setAttribute("aria-expanded", String(open));
    this.box.removeAttribute("aria-activedescendant");
  }
}
