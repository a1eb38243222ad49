import { z } from 'zod';
import { ConfigurationError } from '../../systemd/errors.ts';
import type { InventoryText, Path } from './inventory-file.ts';
import { plainWords } from './inventory-schema.ts';
import { didYouMean } from './nearest.ts';

/** A member of what may be a table. */
export const memberOf = (data: unknown, key: string): unknown =>
  typeof data === 'object' && data !== null ? Reflect.get(data, key) : undefined;

export const listOf = (data: unknown, key: string): readonly unknown[] => {
  const value = memberOf(data, key);
  return Array.isArray(value) ? value : [];
};

/** A name that is none may be anything, also a secret; it is not repeated. */
export const nameOf = (value: unknown, key = 'name'): string | null => {
  const name = memberOf(value, key);
  return typeof name === 'string' && /^[\w.-]{1,64}$/.test(name) ? name : null;
};

/** Everything that is wrong with one file, each with its line and its place in words. */
export class Problems {
  readonly #file: string;
  readonly #text: InventoryText;
  readonly #found: { readonly line: number; readonly text: string }[] = [];

  constructor(file: string, text: InventoryText) {
    this.#file = file;
    this.#text = text;
  }

  add(path: Path, message: string): void {
    const line = this.#text.lineOf(path);
    const text = `${this.#file}${line === null ? '' : `:${line}`}: ${this.#placeOf(path)}${message}`;
    if (!this.#found.some((each) => each.text === text)) this.#found.push({ line: line ?? 0, text });
  }

  /** `value` by `schema`, or null with every mistake noted. */
  read<S extends z.ZodType>(schema: S, value: unknown, path: Path): z.output<S> | null {
    const result = schema.safeParse(value, { error: plainWords });
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const at = [...path, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
      if (issue.code !== 'unrecognized_keys') this.add(at, issue.message);
      else
        for (const key of issue.keys)
          this.add([...at, key], `is not a key${didYouMean(key, keysAt(schema, issue.path))}`);
    }
    return null;
  }

  /** @throws {ConfigurationError} with all of them, in the order of the file */
  end(): void {
    if (this.#found.length === 0) return;
    const texts = this.#found.toSorted((one, other) => one.line - other.line).map(({ text }) => text);
    throw new ConfigurationError(
      texts,
      'Correct the inventory; provisioning/kit/inventory.example.toml and provisioning/README.md explain its keys.',
    );
  }

  /** `kit verdi-device, network.wired: `. */
  #placeOf([list, index, ...rest]: Path): string {
    if (list === undefined) return '';
    const one = { kits: 'kit', rooms: 'room', wifi: 'Wi-Fi' }[String(list)];
    if (one === undefined || typeof index !== 'number')
      return `${[list, index, ...rest].filter((part) => part !== undefined).join('.')} `;
    const name = nameOf(listOf(this.#text.data, String(list))[index]);
    return `${one} ${name ?? `number ${index + 1}`}${rest.length > 0 ? `, ${rest.join('.')}` : ''} `;
  }
}

/** The keys that `schema` takes at `path`, as far as its shape tells. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const part of [...path, null]) {
    while (at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault) at = at.unwrap();
    if (at instanceof z.ZodPipe) at = at.out;
    if (!(at instanceof z.ZodObject)) return [];
    if (part === null) return Object.keys(at.shape);
    at = at.shape[String(part)];
  }
  return [];
}
