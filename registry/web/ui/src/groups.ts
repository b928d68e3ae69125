// Which metrics of a run are shown, and under which heads: what metrics.ts puts on the page.

export interface Group {
  name: string;
  keys: string[];
}

const PINNED = "Pinned";

/** Keys that have the text in them, or match it where it is /between slashes/. Throws SyntaxError. */
export function find(keys: string[], text: string): string[] {
  const written = /^\/(.*)\/$/s.exec(text);
  if (written) {
    const pattern = new RegExp(written[1] ?? "", "i");
    return keys.filter((key) => pattern.test(key));
  }
  const lower = text.toLowerCase();
  return lower === "" ? keys : keys.filter((key) => key.toLowerCase().includes(lower));
}

/**
 * By what the pattern finds in a key: its first group in parentheses, else all of it. Without a
 * pattern by what stands before the first slash, after `prefix`. Those without a group come first,
 * those that are pinned before all. Throws SyntaxError.
 */
export function arrange(keys: string[], pattern: string, prefix: string, pinned: ReadonlySet<string>): Group[] {
  const withoutPrefix = (key: string): string => (key.startsWith(prefix) ? key.slice(prefix.length) : key);
  const by = pattern === "" ? null : new RegExp(pattern);
  const groups = new Map<string, string[]>();
  const pins = keys.filter((key) => pinned.has(key));
  for (const key of keys) {
    if (!pinned.has(key)) {
      const name = nameOf(withoutPrefix(key), by);
      const members = groups.get(name);
      if (members) {
        members.push(key);
      } else {
        groups.set(name, [key]);
      }
    }
  }
  if (pins.length > 0) {
    groups.delete(PINNED); // of that name there is one
    pins.push(...keys.filter((key) => !pinned.has(key) && nameOf(withoutPrefix(key), by) === PINNED));
  }
  const named = [...groups].map(([name, members]) => ({ name, keys: members }));
  named.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return pins.length > 0 ? [{ name: PINNED, keys: pins }, ...named] : named;
}

function nameOf(key: string, by: RegExp | null): string {
  if (by) {
    const found = by.exec(key);
    return found ? (found[1] ?? found[0]) : "";
  }
  const slash = key.indexOf("/");
  return slash === -1 ? "" : key.slice(0, slash);
}
