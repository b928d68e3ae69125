// Light, dark, or as the system has it. The choice is a cookie, so that the server can write it into
// the page and nothing flashes.

const CHOICES = ["system", "light", "dark"] as const;
type Theme = (typeof CHOICES)[number];
const YEAR = 365 * 24 * 3600;

export function mountThemeSwitch(): void {
  const button = document.querySelector<HTMLButtonElement>("button[data-theme-switch]");
  if (!button) {
    return;
  }
  const root = document.documentElement;
  const show = (theme: Theme): void => {
    button.setAttribute("aria-label", `Theme: ${theme}`);
    button.title = `Theme: ${theme}`;
    const said = button.querySelector("[data-theme-said]");
    if (said) {
      said.textContent = theme;
    }
  };
  show(themeOf(root.dataset["theme"]));
  button.addEventListener("click", () => {
    const current = CHOICES.indexOf(themeOf(root.dataset["theme"]));
    const next = CHOICES[(current + 1) % CHOICES.length] ?? "system";
    root.dataset["theme"] = next;
    document.cookie = `theme=${next}; path=/; max-age=${YEAR}; samesite=lax`;
    show(next);
    document.dispatchEvent(new Event("podium:theme"));
  });
}

function themeOf(text: string | undefined): Theme {
  return CHOICES.find((choice) => choice === text) ?? "system";
}
