// The command palette: a dialog that asks the server what has the typed text in its name. Arrows go
// through what was found, Enter in the field opens the first of it.

const AFTER_MS = 120;

export function mountPalette(): void {
  const dialog = document.querySelector<HTMLDialogElement>("dialog#palette");
  const field = dialog?.querySelector<HTMLInputElement>("input");
  const results = dialog?.querySelector<HTMLElement>("[data-results]");
  if (!dialog || !field || !results) {
    return;
  }
  let timer = 0;
  let asked = 0;
  const look = async (): Promise<void> => {
    const mine = (asked += 1);
    try {
      const response = await fetch(`/search?${new URLSearchParams({ q: field.value })}`, { headers: { "HX-Request": "true" } });
      const text = await response.text();
      if (mine === asked && response.ok) {
        const page = new DOMParser().parseFromString(text, "text/html");
        results.replaceChildren(...page.body.childNodes);
      }
    } catch {
      results.textContent = "The server does not answer. Try again in a moment.";
    }
  };
  document.querySelector("[data-palette]")?.addEventListener("click", (event) => {
    const { ctrlKey, metaKey, shiftKey } = event as MouseEvent;
    if (!ctrlKey && !metaKey && !shiftKey) {
      event.preventDefault();
      openPalette();
    }
  });
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void look(), AFTER_MS);
  });
  dialog.addEventListener("podium:open", () => void look());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close(); // beside it
    }
  });
  dialog.querySelector("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    // What is there may be an answer to less than was typed.
    void look().then(() => results.querySelector<HTMLAnchorElement>("a[href]")?.click());
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const stops: HTMLElement[] = [field, ...results.querySelectorAll<HTMLElement>("a[href]")];
      const at = stops.indexOf(document.activeElement as HTMLElement);
      stops[(at + (event.key === "ArrowDown" ? 1 : -1) + stops.length) % stops.length]?.focus();
      event.preventDefault();
    }
  });
}

export function openPalette(): void {
  const dialog = document.querySelector<HTMLDialogElement>("dialog#palette");
  if (dialog && !dialog.open) {
    document.querySelector<HTMLDialogElement>("dialog[open]")?.close();
    dialog.showModal();
    dialog.querySelector("input")?.select();
    dialog.dispatchEvent(new Event("podium:open"));
  }
}
