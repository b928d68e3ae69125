// What could follow in a filter: docs/search.md is the language, tracker/search/grammar.lark its grammar.
//
// The text before the cursor is read as far as is needed to know whether a key, a comparison, a value
// or a connective comes next. The server alone says what is right.

import { matching, type Keys } from "./keys.ts";

export interface Suggestion {
  /** What is put in place of the characters from `from` to the cursor. */
  text: string;
  label: string;
  from: number;
}

type Expected = "key" | "comparison" | "value" | "end" | "null";

const TOKEN = /\s+|'(?:[^']|'')*'?|"(?:[^"]|"")*"?|(?:[A-Za-z_]\w*\.)?`[^`]*`?|[\w./:\-]+|[<>=!]+|[(),]|./gy;
const PLAIN = /^\w[\w./:-]*$/;
const FUNCTIONS = ["min(", "max(", "first(", "last("];
const LIMIT = 50;

const FOR_NUMBERS = ["<", "<=", ">", ">=", "=", "!=", "BETWEEN", "IN", "IS NULL", "IS NOT NULL"];
const FOR_TEXTS = ["=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"];
const NUMBERS = new Set(["start_time", "end_time", "duration"]);

export function suggest(text: string, caret: number, keys: Keys): Suggestion[] {
  const { expected, part, from, last, listed } = read(text.slice(0, caret));
  switch (expected) {
    case "key":
      return keysFor(part, keys).map((found) => ({ ...found, from }));
    case "comparison": {
      const name = last.replace(/^attributes?\./, "");
      const numeric = /^metrics?\./.test(last) || NUMBERS.has(name);
      return words(numeric ? FOR_NUMBERS : FOR_TEXTS, part, from);
    }
    case "null":
      return words(["NULL", "NOT NULL"], part, from);
    case "end":
      return words(listed ? [")"] : ["AND", "OR"], part, from);
    default:
      return [];
  }
}

interface Place {
  expected: Expected;
  part: string;
  from: number;
  last: string;
  listed: boolean;
}

/** Where the end of `text` is; `part` is the word that has been begun there, `last` the last key. */
function read(text: string): Place {
  const tokens = text.match(TOKEN) ?? [];
  const end = tokens.at(-1) ?? "";
  const begun = end !== "" && !/^[\s(),<>=!]/.test(end) && !closed(end) ? end : "";
  let expected: Expected = "key";
  let last = "";
  let listed = false;
  let between = false;
  for (const token of begun ? tokens.slice(0, -1) : tokens) {
    const word = token.toUpperCase();
    if (/^\s/.test(token)) {
      continue;
    }
    if (expected === "key") {
      if (!["(", "NOT", "EXISTS", "MIN", "MAX", "FIRST", "LAST"].includes(word)) {
        last = token;
        expected = "comparison";
      }
    } else if (expected === "comparison") {
      if (word === "IS") {
        expected = "null";
      } else if (word !== ")" && word !== "NOT") {
        between = word === "BETWEEN";
        expected = "value";
      } else if (word === ")" && /\bEXISTS\s*\($/i.test(text.slice(0, text.lastIndexOf(last)))) {
        expected = "end";
      }
    } else if (expected === "null") {
      expected = word === "NULL" ? "end" : "null";
    } else if (expected === "value") {
      listed ||= token === "(";
      expected = token === "(" ? "value" : "end";
    } else if (between && word === "AND") {
      between = false;
      expected = "value";
    } else if (listed) {
      listed = token !== ")";
      expected = token === "," ? "value" : "end";
    } else if (word === "AND" || word === "OR") {
      expected = "key";
    }
  }
  return { expected, part: begun, from: text.length - begun.length, last, listed };
}

function closed(token: string): boolean {
  const quote = token.startsWith("'") || token.startsWith('"') ? token[0] : token.includes("`") ? "`" : undefined;
  return quote !== undefined && token.length > 1 && token.endsWith(quote) && token.indexOf(quote) < token.length - 1;
}

function keysFor(part: string, keys: Keys): Omit<Suggestion, "from">[] {
  const [, scope = "", rest = ""] = /^(metric|param|tag|attribute)s?\.`?(.*)$/.exec(part) ?? [];
  if (scope === "attribute") {
    return matching(keys.attributes, rest, LIMIT).map((key) => named("", key));
  }
  if (scope !== "") {
    const kind = `${scope}s` as "metrics" | "params" | "tags";
    return matching(keys[kind], rest, LIMIT).map((key) => named(`${kind}.`, key));
  }
  const offered = [
    ...matching(keys.attributes, part).map((key) => named("", key)),
    ...matching(["metrics.", "params.", "tags.", "datasets.name", ...FUNCTIONS], part).map((text) => ({
      text,
      label: text,
    })),
  ];
  if (part !== "") {
    for (const kind of ["metrics", "params", "tags"] as const) {
      offered.push(...matching(keys[kind], part, LIMIT).map((key) => named(`${kind}.`, key)));
    }
  }
  return offered.slice(0, LIMIT);
}

/** A key as the language writes it. One with a backtick in it cannot be written so: it is quoted otherwise. */
function named(scope: string, key: string): Omit<Suggestion, "from"> {
  const quote = ["`", '"', "'"].find((each) => !key.includes(each)) ?? "`";
  const written = PLAIN.test(key) ? key : `${quote}${key}${quote}`;
  return { text: `${scope}${written} `, label: `${scope}${key}` };
}

function words(offered: string[], part: string, from: number): Suggestion[] {
  return offered
    .filter((word) => word.startsWith(part.toUpperCase()))
    .map((word) => ({ text: `${word} `, label: word, from }));
}
