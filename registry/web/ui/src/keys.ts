// The keys that runs of an experiment have: fetched once for a page, when somebody first needs them.

export interface Keys {
  attributes: string[];
  metrics: string[];
  params: string[];
  tags: string[];
}

export const NO_KEYS: Keys = { attributes: [], metrics: [], params: [], tags: [] };

const fetched = new Map<string, Promise<Keys>>();

export function keysFrom(url: string): Promise<Keys> {
  let found = fetched.get(url);
  if (!found) {
    found = ask(url).catch(() => {
      fetched.delete(url); // the next time it is asked again
      return NO_KEYS;
    });
    fetched.set(url, found);
  }
  return found;
}

async function ask(url: string): Promise<Keys> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`the server answered ${response.status}`);
  }
  return (await response.json()) as Keys;
}

/** Those whose label contains `text`, whatever the case; first those that begin with it. */
export function matching(
  keys: string[],
  text: string,
  limit = Infinity,
  label: (key: string) => string = (key) => key,
): string[] {
  if (text === "") {
    return keys.slice(0, limit);
  }
  const wanted = text.toLowerCase();
  const first: string[] = [];
  const others: string[] = [];
  for (const key of keys) {
    const at = label(key).toLowerCase().indexOf(wanted);
    if (at === 0) {
      first.push(key);
    } else if (at > 0) {
      others.push(key);
    }
  }
  return [...first, ...others].slice(0, limit);
}
