// A card that is dragged to a column of the board opens its own form with that stage chosen. Nothing is
// sent: which stages there are, and what is refused, the form says as it does by keyboard.

export function mountDrag(root: HTMLElement): void {
  for (const board of root.querySelectorAll<HTMLElement>(".board")) {
    new Dragging(board);
  }
}

class Dragging {
  private readonly board: HTMLElement;
  private card: HTMLElement | null = null;

  constructor(board: HTMLElement) {
    this.board = board;
    for (const card of board.querySelectorAll<HTMLElement>(".cards > li:has(select[name=stage])")) {
      card.draggable = true;
    }
    board.addEventListener("dragstart", (event) => this.begin(event));
    board.addEventListener("dragend", () => this.end());
    for (const column of board.querySelectorAll<HTMLElement>("[data-drop]")) {
      column.addEventListener("dragover", (event) => {
        if (this.choice(column)) {
          event.preventDefault(); // it may be dropped here
          this.show(column);
        }
      });
      column.addEventListener("dragleave", (event) => {
        if (!column.contains(event.relatedTarget as Node | null)) {
          column.classList.remove("under");
        }
      });
      column.addEventListener("drop", (event) => this.drop(event, column));
    }
  }

  private begin(event: DragEvent): void {
    this.card = (event.target as HTMLElement).closest<HTMLElement>("li[draggable=true]");
    if (this.card && event.dataTransfer) {
      event.dataTransfer.setData("text/plain", this.card.querySelector("strong")?.textContent ?? "");
      event.dataTransfer.effectAllowed = "move";
      this.card.classList.add("dragged");
      for (const column of this.board.querySelectorAll<HTMLElement>("[data-drop]")) {
        column.classList.toggle("open", this.choice(column) !== undefined);
      }
    }
  }

  /** Of the form of the card that is dragged: the stage of this column, if it may be chosen. */
  private choice(column: HTMLElement): HTMLOptionElement | undefined {
    const options = this.card?.querySelectorAll<HTMLOptionElement>("select[name=stage] option") ?? [];
    return [...options].find((option) => option.value === column.dataset["drop"] && !option.disabled);
  }

  private show(column: HTMLElement): void {
    this.board.querySelector(".under")?.classList.remove("under");
    column.classList.add("under");
  }

  private drop(event: DragEvent, column: HTMLElement): void {
    const choice = this.choice(column);
    const form = this.card?.querySelector<HTMLDetailsElement>("details.act");
    if (choice && form) {
      event.preventDefault();
      form.open = true;
      choice.selected = true;
      form.querySelector("textarea")?.focus();
    }
    this.end();
  }

  private end(): void {
    this.card?.classList.remove("dragged");
    this.card = null;
    for (const column of this.board.querySelectorAll("[data-drop]")) {
      column.classList.remove("open", "under");
    }
  }
}
