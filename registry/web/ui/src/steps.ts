// The slider through pictures of one thing at many steps: <div data-steps="[[step, address], …]">.

export function mountSteps(root: HTMLElement): void {
  for (const element of root.querySelectorAll<HTMLElement>("[data-steps]")) {
    const steps = JSON.parse(element.dataset["steps"] ?? "[]") as [number, string][];
    const slider = element.querySelector<HTMLInputElement>("input[type=range]");
    const said = element.querySelector("[data-step]");
    const picture = element.parentElement?.querySelector("img");
    slider?.addEventListener("input", () => {
      const at = Number(slider.value);
      const [step, address] = steps[at] ?? [0, ""];
      if (picture && said) {
        picture.src = address;
        said.textContent = `step ${step.toLocaleString("en")}, ${at + 1} of ${steps.length}`;
        // The neighbours are there when the slider comes to them.
        for (const near of [at - 1, at + 1]) {
          const next = steps[near];
          if (next) {
            new Image().src = next[1];
          }
        }
      }
    });
  }
}
