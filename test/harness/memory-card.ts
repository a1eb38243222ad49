import { randomBytes } from 'node:crypto';
import type { Files } from '../../systemd/agent/files.ts';

/** How far the step got that the power cut ended. */
export type CutKind = 'before' | 'torn' | 'after';

class PowerCutError extends Error {}

/**
 * A kit's card in memory, down to its blocks: what is deleted or written anew stays readable in them until something is
 * written over it. The power can be cut at any step; from then on nothing works until `switchOn`.
 */
export class MemoryCard implements Files {
  readonly files = new Map<string, Buffer>();
  /** Blocks that belong to no file any more. */
  readonly freed: Buffer[] = [];
  steps = 0;
  #cut: { readonly step: number; readonly kind: CutKind } | null = null;
  #isOff = false;
  /** Folders whose files cannot be changed, with the error's code. */
  readonly failing = new Map<string, string>();

  put(path: string, text: string): this {
    this.files.set(path, Buffer.from(text));
    return this;
  }

  text(path: string): string | undefined {
    return this.files.get(path)?.toString('utf8');
  }

  get isOff(): boolean {
    return this.#isOff;
  }

  /** @param cut at which step from now the power goes, and how far that step gets */
  switchOn(cut: { readonly step: number; readonly kind: CutKind } | null = null): void {
    this.#isOff = false;
    this.#cut = cut && { ...cut, step: this.steps + cut.step };
  }

  /** Everything that a reader of the card's raw bytes finds. */
  raw(under = '/'): string {
    const live = [...this.files].filter(([path]) => path.startsWith(under)).map(([, bytes]) => bytes);
    return Buffer.concat([...live, ...this.freed]).toString('latin1');
  }

  /** Something else than a file that the power may be cut at. @param effect happens as a whole or not at all */
  async step<T>(effect: () => Promise<T>): Promise<T> {
    const kind = this.#begin();
    if (kind === 'before' || kind === 'torn') this.#off();
    const result = await effect();
    if (kind === 'after') this.#off();
    return result;
  }

  async read(path: string): Promise<Buffer | null> {
    if (this.#isOff) throw new PowerCutError('no power');
    return this.files.get(path) ?? null;
  }

  async filesIn(folder: string): Promise<string[]> {
    if (this.#isOff) throw new PowerCutError('no power');
    return [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`));
  }

  async makeFolder(): Promise<void> {
    if (this.#isOff) throw new PowerCutError('no power');
  }

  async write(path: string, data: string): Promise<void> {
    this.#mayChange(path);
    if (this.#isMemory(path)) {
      this.files.set(path, Buffer.from(data));
      return;
    }
    await this.#change(
      () => this.#replaceBlocks(path, Buffer.from(data)),
      () => this.#replaceBlocks(path, Buffer.from(data.slice(0, data.length / 2))),
    );
  }

  async rename(from: string, to: string): Promise<void> {
    this.#mayChange(to);
    if (this.#isMemory(to)) {
      this.files.set(to, this.files.get(from) ?? Buffer.alloc(0));
      return;
    }
    await this.#change(() => {
      const bytes = this.files.get(from);
      if (!bytes) throw Object.assign(new Error(`there is no ${from}`), { code: 'ENOENT' });
      this.#replaceBlocks(to, bytes);
      this.files.delete(from);
    });
  }

  async overwrite(path: string): Promise<void> {
    this.#mayChange(path);
    const bytes = this.files.get(path);
    if (!bytes) throw Object.assign(new Error(`there is no ${path}`), { code: 'ENOENT' });
    await this.#change(
      () => bytes.fill(0),
      () => randomBytes(bytes.length / 2).copy(bytes),
    );
  }

  async remove(path: string): Promise<void> {
    this.#mayChange(path);
    await this.#change(() => {
      const bytes = this.files.get(path);
      if (bytes) this.freed.push(bytes);
      this.files.delete(path);
    });
  }

  /** Gone with the power anyway, and no step of its own. */
  #isMemory(path: string): boolean {
    if (this.#isOff) throw new PowerCutError('no power');
    return path.startsWith('/run/');
  }

  #replaceBlocks(path: string, bytes: Buffer): void {
    const before = this.files.get(path);
    if (before) this.freed.push(before);
    this.files.set(path, bytes);
  }

  #mayChange(path: string): void {
    const code = [...this.failing].find(([folder]) => path.startsWith(folder))?.[1];
    if (code) throw Object.assign(new Error(`${code}: ${path}`), { code });
  }

  async #change(whole: () => void, torn: () => void = () => {}): Promise<void> {
    const kind = this.#begin();
    if (kind === 'torn') torn();
    else if (kind !== 'before') whole();
    if (kind !== null) this.#off();
  }

  #begin(): CutKind | null {
    if (this.#isOff) throw new PowerCutError('no power');
    this.steps++;
    return this.#cut?.step === this.steps ? this.#cut.kind : null;
  }

  #off(): never {
    this.#isOff = true;
    throw new PowerCutError('the power was cut');
  }
}
