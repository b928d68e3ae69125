// A log that goes on: <pre data-log="address of its lines" data-since="cursor">.
//
// What comes is put below what is there, and stays in view as long as the end was in view before.

const WAIT_S = 10; // the server answers sooner when there is a line
const PAUSE_MS = 1000;
const AWAY_MS = 5000;
const MAX_LINES = 5000;

interface Page {
  lines: { text: string }[];
  cursor: string;
  over: boolean;
}

export function mountLogs(root: HTMLElement): void {
  for (const log of root.querySelectorAll<HTMLElement>("[data-log]")) {
    log.scrollTop = log.scrollHeight;
    void follow(log);
  }
}

async function follow(log: HTMLElement): Promise<void> {
  const address = new URL(log.dataset["log"] ?? "", location.href);
  address.searchParams.set("since", log.dataset["since"] ?? "");
  while (log.isConnected) {
    if (document.hidden) {
      await pause(PAUSE_MS);
      continue;
    }
    address.searchParams.set("wait", String(WAIT_S));
    const page = await ask(address);
    if (page === null) {
      await pause(AWAY_MS);
      continue;
    }
    append(log, page.lines.map((line) => line.text));
    if (page.over) {
      return;
    }
    address.searchParams.set("since", page.cursor);
    if (page.lines.length === 0) {
      await pause(PAUSE_MS);
    }
  }
}

async function ask(address: URL): Promise<Page | null> {
  try {
    const response = await fetch(address);
    return response.ok ? ((await response.json()) as Page) : null;
  } catch {
    return null; // the server, or the cluster behind it, is away for a moment
  }
}

function append(log: HTMLElement, lines: string[]): void {
  if (lines.length === 0) {
    return;
  }
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  log.append(lines.map((line) => `${line}\n`).join(""));
  const text = (log.textContent ?? "").split("\n");
  if (text.length > MAX_LINES) {
    log.textContent = text.slice(-MAX_LINES).join("\n");
  }
  log.hidden = false;
  if (atEnd) {
    log.scrollTop = log.scrollHeight;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
