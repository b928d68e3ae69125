// Buttons that copy the text in data-copy; hidden where the browser has no clipboard.

export function mountCopyButtons(root: HTMLElement): void {
  if (!navigator.clipboard) {
    return;
  }
  for (const button of root.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", () => {
      navigator.clipboard.writeText(button.dataset["copy"] ?? "").then(
        () => {
          button.textContent = "copied";
          setTimeout(() => (button.textContent = label), 1500);
        },
        () => undefined,
      );
    });
  }
}
