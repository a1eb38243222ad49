import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../systemd/errors.ts';
import { chunksOf, syncFolder, writeSynced } from './folder-files.ts';
import { sha256Of } from './local-file.ts';
import type { UploadedPart } from './object-store.ts';
import { storeError } from './store-errors.ts';

const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const nameOf = ({ number, bytes, etag }: UploadedPart): string => `${number}-${bytes}-${etag}`;

/** Uploads in parts of a folder: a folder each, in which each part is a file that is named by its number and its hash. */
export class FolderUploads {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async start(): Promise<string> {
    const id = randomUUID();
    await mkdir(join(this.#root, id), { mode: 0o750 });
    await syncFolder(this.#root);
    return id;
  }

  /** @throws {SalaError} `store-missing` */
  async put(id: string, number: number, body: Uint8Array): Promise<UploadedPart> {
    const folder = this.#folder(id);
    const before = await this.#mustHave(id);
    const sha256 = await sha256Of(body);
    const part = { number, bytes: body.length, etag: sha256, sha256 };
    const temporary = join(folder, `.${randomUUID()}`);
    await writeSynced(temporary, (handle) => handle.writeFile(body));
    await rename(temporary, join(folder, nameOf(part)));
    for (const other of before)
      if (other.number === number && other.etag !== sha256) await rm(join(folder, nameOf(other)), { force: true });
    await syncFolder(folder);
    return part;
  }

  /** In their order; null: there is no such upload. */
  async parts(id: string): Promise<UploadedPart[] | null> {
    try {
      return (await readdir(this.#folder(id)))
        .filter((name) => !name.startsWith('.'))
        .map((name) => {
          const [number, bytes, sha256 = ''] = name.split('-');
          return { number: Number(number), bytes: Number(bytes), etag: sha256, sha256 };
        })
        .sort((a, b) => a.number - b.number);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  /** A synced file of the parts that are named. @throws {SalaError} `store-missing`, `store-damaged` */
  async assemble(id: string, parts: readonly UploadedPart[], signal: AbortSignal): Promise<string> {
    const there = new Set((await this.#mustHave(id)).map(nameOf));
    if (parts.length === 0 || !parts.every((part) => there.has(nameOf(part))))
      throw storeError('store-damaged', 'Parts of an upload are not there.');
    const folder = this.#folder(id);
    const whole = join(folder, `.${randomUUID()}`);
    await writeSynced(whole, async (handle) => {
      for (const part of parts) {
        const from = await open(join(folder, nameOf(part)), 'r');
        try {
          for await (const chunk of chunksOf(from, signal)) await handle.writeFile(chunk);
        } finally {
          await from.close();
        }
      }
    });
    return whole;
  }

  async remove(id: string): Promise<void> {
    await rm(this.#folder(id), { recursive: true, force: true });
  }

  async #mustHave(id: string): Promise<UploadedPart[]> {
    const parts = await this.parts(id);
    if (!parts) throw storeError('store-missing', `There is no upload ${id}.`);
    return parts;
  }

  #folder(id: string): string {
    if (!idPattern.test(id)) throw storeError('store-missing', 'There is no such upload.');
    return join(this.#root, id);
  }
}
