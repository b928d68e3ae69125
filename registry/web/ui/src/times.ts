// The exact time, in the reader's zone, in the title of each <time datetime>; days are the reader's.

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

export function mountTimes(root: ParentNode): void {
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[datetime]")) {
    const when = new Date(element.dateTime);
    if (!Number.isNaN(when.getTime())) {
      element.title = EXACT.format(when);
      if (element.dataset["day"] !== undefined) {
        element.textContent = day(when);
      }
    }
  }
}

/** As the server writes it: 2026-05-03 14:00. */
export function day(when: Date): string {
  const two = (part: number): string => String(part).padStart(2, "0");
  const date = [when.getFullYear(), two(when.getMonth() + 1), two(when.getDate())].join("-");
  return `${date} ${two(when.getHours())}:${two(when.getMinutes())}`;
}
