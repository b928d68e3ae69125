// Moments that are asked for: <input type="datetime-local" data-utc> is in the reader's zone, as every time
// on the page. What is sent stays UTC, so an address is the same moment for whoever opens it.
//
// The slider of a model's history writes a moment into the field beside it, which asks for it.

export function mountMoments(root: HTMLElement): void {
  for (const field of root.querySelectorAll<HTMLInputElement>("input[data-utc][name]")) {
    mountField(field);
  }
  for (const slider of root.querySelectorAll<HTMLInputElement>("input[data-moment]")) {
    const field = slider.form?.querySelector<HTMLInputElement>("input[data-utc]");
    slider.addEventListener("input", () => {
      if (field) {
        field.value = local(new Date(Number(slider.value) * 1000), field);
        field.dispatchEvent(new Event("input"));
      }
    });
  }
}

function mountField(field: HTMLInputElement): void {
  const sent = Object.assign(document.createElement("input"), { type: "hidden", name: field.name, value: field.value });
  field.removeAttribute("name");
  field.after(sent);
  const asked = new Date(`${field.value}Z`);
  if (!Number.isNaN(asked.getTime())) {
    field.value = local(asked, field);
  }
  field.addEventListener("input", () => {
    const when = new Date(field.value);
    sent.value = Number.isNaN(when.getTime()) ? "" : when.toISOString().slice(0, 19);
  });
  const zone = field.parentElement?.querySelector("[data-zone]");
  if (zone) {
    zone.textContent = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
}

/** As the field has it: with seconds, if it asks for them. */
function local(when: Date, field: HTMLInputElement): string {
  const shifted = new Date(when.getTime() - when.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, field.step === "1" ? 19 : 16);
}
