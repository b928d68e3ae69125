// From the columns that the server sends to the columns that uPlot draws.

export interface Series {
  run_id: string;
  key: string;
  received: number;
  points: number;
  step: number[];
  timestamp: number[];
  value: Told[];
  /** The least and the greatest of each pixel, where there are more points than pixels. */
  low?: Told[];
  high?: Told[];
  last?: Told;
}

/** JSON has no NaN and no infinity. */
export type Told = number | "NaN" | "Infinity" | "-Infinity";

/** What the server says of a series whose columns are here already. */
export type Unchanged = Pick<Series, "run_id" | "key" | "received">;

/** What is on the horizontal axis; "metric" is another series of the same run. */
export type Axis = "step" | "time" | "relative" | "metric";
export type Column = (number | null)[];
export type Range = readonly [number, number];

/** A series as it is drawn: x in order, and for each x the value and what it lies between. */
export interface Line {
  x: number[];
  y: Column;
  low: Column | null;
  high: Column | null;
}

/** The series after an answer; the very same array when nothing in it is new. */
export function newer(old: Series[], answered: (Series | Unchanged)[]): Series[] {
  const changed = answered.some((each) => "step" in each);
  return changed ? answered.map((each, index) => ("step" in each ? each : (old[index] as Series))) : old;
}

/** Where the x of a series comes from: `along` is the series on the axis, `start` of its run in ms. */
export interface Origin {
  along?: Series | undefined;
  start?: number | undefined;
}

/** The x of each point: its step, seconds since the epoch, minutes since the start, or `along`. */
export function positions(series: Series, axis: Axis, { along, start }: Origin = {}): Column {
  if (axis === "metric") {
    return along ? interpolate(along, series.step) : series.step.map(() => null);
  }
  if (axis === "step") {
    return series.step;
  }
  if (axis === "time") {
    return series.timestamp.map((ms) => ms / 1000);
  }
  const zero = start ?? series.timestamp.reduce((least, ms) => Math.min(least, ms), Infinity);
  return series.timestamp.map((ms) => (ms - zero) / 60_000);
}

/** The values of `along` at these steps, on straight lines between its own; null beyond its ends. */
export function interpolate(along: Series, steps: number[]): Column {
  const known: [number, number][] = [];
  along.step.forEach((step, index) => {
    const value = finite(along.value[index]);
    if (value !== null) {
      known.push([step, value]);
    }
  });
  known.sort((a, b) => a[0] - b[0]);
  return steps.map((step) => {
    let from = 0;
    let to = known.length - 1;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((known[middle]?.[0] ?? 0) < step) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    const right = known[from];
    const left = known[from - 1] ?? right;
    if (!left || !right || right[0] < step || left[0] > step) {
      return null;
    }
    return right[0] === step ? right[1] : left[1] + ((right[1] - left[1]) * (step - left[0])) / (right[0] - left[0]);
  });
}

/** Points in the order of x, as uPlot wants them; what is no number, or not drawable, is a gap. */
export function line(series: Series, axis: Axis, look: { logX: boolean; logY: boolean }, origin: Origin = {}): Line {
  const x = positions(series, axis, origin);
  const order = x
    .map((_, index) => index)
    .filter((index) => x[index] !== null && (!look.logX || (x[index] as number) > 0))
    .sort((a, b) => (x[a] as number) - (x[b] as number));
  const column = (values: Told[]): Column =>
    order.map((index) => {
      const value = finite(values[index]);
      return value !== null && look.logY && value <= 0 ? null : value;
    });
  return {
    x: order.map((index) => x[index] as number),
    y: column(series.value),
    low: series.low ? column(series.low) : null,
    high: series.high ? column(series.high) : null,
  };
}

function finite(value: Told | undefined): number | null {
  return typeof value === "number" ? value : null;
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

/** What an axis shows of a value that is alone: a tenth of it on either side, or one where it is zero. */
export function near(value: number): Range {
  const pad = Math.abs(value) / 10 || 1;
  return [value - pad, value + pad];
}
