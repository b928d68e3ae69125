// The slider of a model's history: it writes a moment into the field beside it, which asks for it.

export function mountMoments(root: HTMLElement): void {
  for (const slider of root.querySelectorAll<HTMLInputElement>("input[data-moment]")) {
    const field = slider.form?.querySelector<HTMLInputElement>("[name=at]");
    slider.addEventListener("input", () => {
      if (field) {
        field.value = new Date(Number(slider.value) * 1000).toISOString().slice(0, 19); // the field is in UTC
      }
    });
  }
}
