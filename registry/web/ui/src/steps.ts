// The slider through pictures of one thing at many steps: <div data-steps="[[step, picture, page], …]">.
//
// The picture follows the slider at once. Where it comes to rest, the page is asked for what else is of
// that picture: its name, its neighbours, its download and its address.

import htmx from "htmx.org";

export function mountSteps(root: HTMLElement): void {
  for (const element of root.querySelectorAll<HTMLElement>("[data-steps]")) {
    const steps = JSON.parse(element.dataset["steps"] ?? "[]") as [number, string, string][];
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
    slider?.addEventListener("change", () => {
      const [, , page] = steps[Number(slider.value)] ?? [0, "", ""];
      // A slider that has moved on meanwhile has asked for another: this one's answer is not waited for.
      void htmx.ajax("get", page, { source: slider, target: "#files", swap: "outerHTML" });
      history.replaceState(history.state, "", page);
    });
  }
}
