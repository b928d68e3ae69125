// How the charts of a page are drawn: chosen in a form, kept in the address, so that a link shows
// what its sender saw.

import type { Axis, Range } from "./series.ts";

export interface Look {
  axis: Axis;
  /** The key on the horizontal axis, where that is a metric. */
  along: string;
  logX: boolean;
  logY: boolean;
  /** Of the moving average, in [0, 1). */
  weight: number;
  /** What is seen of the horizontal axis, in its units; null is all of it. */
  range: Range | null;
}

const AXES: readonly string[] = ["step", "time", "relative", "metric"] satisfies Axis[];

export function readLook(form: HTMLFormElement | null): Look {
  const given = form ? new FormData(form) : new FormData();
  const text = (name: string): string => String(given.get(name) ?? "");
  const [from, to] = [text("from"), text("to")];
  const range: Range | null = from !== "" && to !== "" && Number(from) < Number(to) ? [Number(from), Number(to)] : null;
  const axis = text("axis");
  const along = text("along").trim();
  const known = AXES.includes(axis) && (axis !== "metric" || along !== "");
  return {
    axis: known ? (axis as Axis) : "step",
    along,
    logX: given.has("logx"),
    logY: given.has("log"),
    weight: Math.min(0.99, Math.max(0, Number(text("smooth")) / 100 || 0)),
    range,
  };
}

/** Write what the form says into the address; what is as it begins is left out. */
export function keepInAddress(form: HTMLFormElement): void {
  const address = new URL(location.href);
  for (const control of form.querySelectorAll<HTMLInputElement>("input[name]")) {
    address.searchParams.delete(control.name);
  }
  for (const [name, value] of new FormData(form)) {
    const plain = value === "" || (name === "axis" && value === "step") || (name === "smooth" && value === "0");
    if (!plain) {
      address.searchParams.append(name, String(value));
    }
  }
  history.replaceState(history.state, "", address);
}
