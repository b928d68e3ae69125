// From the columns that the server sends to the columns that uPlot draws.

export interface Series {
  run_id: string;
  key: string;
  received: number;
  points: number;
  step: number[];
  timestamp: number[];
  value: (number | "NaN" | "Infinity" | "-Infinity")[];
}

/** What the server says of a series whose columns are here already. */
export type Unchanged = Pick<Series, "run_id" | "key" | "received">;

export type Axis = "step" | "time" | "relative";
export type Column = (number | null)[];

/** The series after an answer; the very same array when nothing in it is new. */
export function newer(old: Series[], answered: (Series | Unchanged)[]): Series[] {
  const changed = answered.some((each) => "step" in each);
  return changed ? answered.map((each, index) => ("step" in each ? each : (old[index] as Series))) : old;
}

/** The x of each point: its step, seconds since the epoch, or minutes since the first point. */
export function positions(series: Series, axis: Axis): number[] {
  if (axis === "step") {
    return series.step;
  }
  if (axis === "time") {
    return series.timestamp.map((ms) => ms / 1000);
  }
  const start = series.timestamp.reduce((least, ms) => Math.min(least, ms), Infinity);
  return series.timestamp.map((ms) => (ms - start) / 60_000);
}

/** Points in the order of x, as uPlot wants them; what is no finite number is a gap. */
export function line(series: Series, axis: Axis, log: boolean): [number[], Column] {
  const x = positions(series, axis);
  const order = x.map((_, index) => index).sort((a, b) => (x[a] ?? 0) - (x[b] ?? 0));
  return [
    order.map((index) => x[index] ?? 0),
    order.map((index) => {
      const value = series.value[index];
      const drawn = typeof value === "number" && (!log || value > 0);
      return drawn ? value : null;
    }),
  ];
}

/**
 * Exponential moving average with the bias of its start taken out (Kingma and Ba, 2015, §3).
 * `weight` in [0, 1): 0 leaves the values alone. Gaps stay gaps.
 */
export function smooth(values: Column, weight: number): Column {
  if (weight <= 0) {
    return values;
  }
  let average = 0;
  let count = 0;
  return values.map((value) => {
    if (value === null) {
      return null;
    }
    count += 1;
    average = average * weight + value * (1 - weight);
    return average / (1 - weight ** count);
  });
}
