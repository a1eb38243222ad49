import { parse as parseToml, TomlError } from 'smol-toml';
import { isMap, isNode, isSeq, LineCounter, parseDocument } from 'yaml';
import { ConfigurationError, messageOf } from '../../systemd/errors.ts';

/** Where something stands in the inventory: `['kits', 3, 'network', 'wired']`. */
export type Path = readonly (string | number)[];

/** The inventory as written, and where each part of it is. */
export interface InventoryText {
  readonly data: unknown;
  /** The line of what stands at `path`, or of the nearest thing around it; null where that is unknown. */
  lineOf(path: Path): number | null;
}

/** Cannot even be read as TOML or YAML. Only the parser's first line is told: the next ones quote the file. */
function unreadable(file: string, line: number | undefined, error: unknown): ConfigurationError {
  const [sentence = ''] = messageOf(error).split('\n');
  return new ConfigurationError(
    [`${file}${line === undefined ? '' : `:${line}`}: ${sentence}`],
    'Correct that line; provisioning/kit/inventory.example.toml shows how an inventory is written.',
  );
}

const keyPart = /(?:[A-Za-z0-9_-]+|"[^"\\]*"|'[^']*')/.source;
const dottedKey = new RegExp(`^\\s*(${keyPart}(?:\\s*\\.\\s*${keyPart})*)\\s*`);
const partsOf = (key: string) =>
  [...key.matchAll(new RegExp(keyPart, 'g'))].map(([part]) => part.replace(/^(["'])(.*)\1$/, '$2'));

/** Follows strings, comments and brackets through a TOML file, so that only true beginnings of lines count. */
class TomlCursor {
  #depth = 0;
  #quote = '';

  get isAtStatement(): boolean {
    return this.#depth === 0 && this.#quote === '';
  }

  pass(line: string): void {
    for (let at = 0; at < line.length; at += 1) {
      const rest = line.slice(at);
      if (this.#quote !== '') {
        if (rest[0] === '\\' && this.#quote.startsWith('"')) at += 1;
        else if (rest.startsWith(this.#quote)) {
          at += this.#quote.length - 1;
          this.#quote = '';
        }
        continue;
      }
      const [opening] = /^("""|'''|"|')/.exec(rest) ?? [];
      if (opening !== undefined) {
        this.#quote = opening;
        at += opening.length - 1;
      } else if (rest[0] === '#') return;
      else if (/[[{]/.test(rest[0] ?? '')) this.#depth += 1;
      else if (/[\]}]/.test(rest[0] ?? '')) this.#depth -= 1;
    }
    // Only the long kinds of strings go on in the next line.
    if (this.#quote.length === 1) this.#quote = '';
  }
}

/** The line of each header and key of a TOML file; the parser tells no places. */
function tomlLines(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const counts = new Map<string, number>();
  const resolve = (parts: readonly string[]) => {
    const path: (string | number)[] = [];
    for (const part of parts) {
      const count = path.length > 0 ? counts.get(JSON.stringify(path)) : undefined;
      if (count !== undefined) path.push(count - 1);
      path.push(part);
    }
    return path;
  };
  const cursor = new TomlCursor();
  let table: (string | number)[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const header = cursor.isAtStatement ? /^\s*(\[\[?)(.*?)\]/.exec(line) : null;
    const key = cursor.isAtStatement && !header ? dottedKey.exec(line) : null;
    if (header?.[2] !== undefined) {
      table = resolve(partsOf(header[2]));
      const name = JSON.stringify(table);
      if (header[1] === '[[') {
        counts.set(name, (counts.get(name) ?? 0) + 1);
        table = [...table, (counts.get(name) ?? 1) - 1];
      } else if (counts.has(name)) table = [...table, (counts.get(name) ?? 1) - 1];
      lines.set(JSON.stringify(table), index + 1);
    } else if (key?.[1] !== undefined) {
      const parts = partsOf(key[1]);
      for (let length = 1; length <= parts.length; length += 1) {
        const path = JSON.stringify([...table, ...parts.slice(0, length)]);
        if (!lines.has(path)) lines.set(path, index + 1);
      }
    }
    cursor.pass(line);
  }
  return lines;
}

function nearestAround(path: Path, lineAt: (path: Path) => number | undefined): number | null {
  for (let length = path.length; length > 0; length -= 1) {
    const line = lineAt(path.slice(0, length));
    if (line !== undefined) return line;
  }
  return null;
}

function parseYaml(file: string, text: string): InventoryText {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw unreadable(file, counter.linePos(error.pos[0]).line, error);
  const lineAt = (path: Path) => {
    let node: unknown = document.contents;
    let start: number | undefined;
    for (const part of path) {
      const pair = isMap(node)
        ? node.items.find(({ key }) => String(key) === String(part))
        : isSeq(node)
          ? { key: node.items[Number(part)], value: node.items[Number(part)] }
          : undefined;
      const key: unknown = pair?.key;
      start = isNode(key) ? key.range?.[0] : undefined;
      if (start === undefined) return undefined;
      node = pair?.value;
    }
    return start === undefined ? undefined : counter.linePos(start).line;
  };
  try {
    return { data: document.toJS({ maxAliasCount: 100 }), lineOf: (path) => nearestAround(path, lineAt) };
  } catch (failure) {
    throw unreadable(file, undefined, failure);
  }
}

/** @param file decides by its ending: `.yaml` and `.yml` are YAML, all else is TOML @throws {ConfigurationError} */
export function parseInventoryText(file: string, text: string): InventoryText {
  if (/\.ya?ml$/i.test(file)) return parseYaml(file, text);
  try {
    const data: unknown = parseToml(text);
    const lines = tomlLines(text);
    return { data, lineOf: (path) => nearestAround(path, (each) => lines.get(JSON.stringify(each))) };
  } catch (error) {
    throw unreadable(file, error instanceof TomlError ? error.line : undefined, error);
  }
}
