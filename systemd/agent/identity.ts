import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { type EnrolmentAnswer, kitKeyPattern } from '../../relay/kit-protocol.ts';
import { type Files, replaceFile } from './files.ts';

const keyId = z.string().regex(/^[0-9a-f]{12}$/);
const keySchema = z.string().regex(kitKeyPattern);

/** What is known of the enrolment: written once the relay took the key, which is then the kit's own whatever happens. */
const markerSchema = z.object({
  kit: z.string(),
  kind: z.string(),
  keyId,
  /** Of the token that it was made with: the same one on the card is only still to be erased. */
  tokenId: keyId,
  /** Room time. */
  at: z.number(),
  /** `accepted`: the key is still to be put into its place, and the programs that load it are still to hear of it. */
  step: z.enum(['accepted', 'placed']),
});
export type EnrolmentMarker = z.output<typeof markerSchema>;

/** A key that the relay may or may not have taken yet, and the token that it is asked with. */
const candidateSchema = z.object({ tokenId: keyId, key: keySchema });
type Candidate = z.output<typeof candidateSchema>;

/** The public half of a key's or a token's name. */
export const idOf = (keyOrToken: string): string => keyOrToken.split('_')[1] ?? '';

const readJson = (text: Buffer | null): unknown => {
  try {
    return text === null ? null : JSON.parse(text.toString('utf8'));
  } catch {
    return null;
  }
};

/**
 * Who the kit is, on its data partition: `key`, `enrolment.json`, and `candidate.json` while the relay has not answered. The
 * key in force is never written over before the relay took the next one.
 */
export class Identity {
  readonly #files: Files;
  readonly #folder: string;
  readonly #onPlaced: () => Promise<void>;
  readonly #random: (bytes: number) => Buffer;
  #marker: EnrolmentMarker | null = null;
  #key: string | null = null;
  #candidate: Candidate | null = null;
  /** Of a candidate that was being erased. */
  #hasRemains = false;

  /** @param onPlaced the key is another one now: whoever loaded the one before is to be told; again, where that was cut */
  constructor(
    files: Files,
    folder: string,
    onPlaced: () => Promise<void>,
    random: (bytes: number) => Buffer = randomBytes,
  ) {
    this.#files = files;
    this.#folder = folder;
    this.#onPlaced = onPlaced;
    this.#random = random;
  }

  get marker(): EnrolmentMarker | null {
    return this.#marker;
  }

  /** The key in force; null where there is none that is whole. A marker that is damaged takes nothing from it. */
  get key(): string | null {
    return this.#marker === null || (this.#key !== null && idOf(this.#key) === this.#marker.keyId) ? this.#key : null;
  }

  /** The kit was enrolled, and its key is gone or cannot be read. */
  get isDamaged(): boolean {
    return this.#marker?.step === 'placed' && this.key === null;
  }

  /** Reads what is there. @throws the system's error where the card cannot be read */
  async load(): Promise<void> {
    await this.#files.makeFolder(this.#folder, 0o700);
    this.#marker = markerSchema.safeParse(readJson(await this.#read('enrolment.json'))).data ?? null;
    const candidate = await this.#read('candidate.json');
    this.#candidate = candidateSchema.safeParse(readJson(candidate)).data ?? null;
    this.#hasRemains = candidate !== null && this.#candidate === null;
    this.#key = keySchema.safeParse((await this.#read('key'))?.toString('utf8').trim()).data ?? null;
  }

  /**
   * Puts the key that the relay took into its place, where that is still to be done; any part of it may be done twice.
   * @throws the system's error, or what `onPlaced` throws: then it is to be called again
   */
  async settle(): Promise<void> {
    const marker = this.#marker;
    const candidate = this.#candidate;
    if (marker?.step === 'accepted') {
      if (candidate && idOf(candidate.key) === marker.keyId) {
        await this.#replace('key', `${candidate.key}\n`);
        this.#key = candidate.key;
      }
      await this.#onPlaced();
      await this.#mark({ ...marker, step: 'placed' });
    }
    if (this.#hasRemains || (candidate && candidate.tokenId === marker?.tokenId)) await this.#forgetCandidate();
  }

  /** The key to ask with for that token: one that was asked with before, or a new one, on the disk before it is told. */
  async candidateFor(tokenId: string): Promise<string> {
    if (this.#candidate?.tokenId !== tokenId) {
      const made = `kit_${this.#random(6).toString('hex')}_${this.#random(32).toString('base64url')}`;
      const candidate = { tokenId, key: made };
      await this.#replace('candidate.json', JSON.stringify(candidate));
      this.#candidate = candidate;
    }
    return this.#candidate.key;
  }

  /** The relay does not take the candidate for a reason of its own: another key is made for the next attempt. */
  async rejected(): Promise<void> {
    if (this.#candidate) await this.#forgetCandidate();
  }

  /** The relay took the candidate: from here on it is the kit's key, whatever happens. `settle` does the rest. */
  async accepted({ kit, at }: EnrolmentAnswer): Promise<void> {
    if (!this.#candidate) throw new Error('no key was offered');
    const { key, tokenId } = this.#candidate;
    await this.#mark({ kit: kit.name, kind: kit.kind, keyId: idOf(key), tokenId, at, step: 'accepted' });
  }

  async #forgetCandidate(): Promise<void> {
    await this.#files.overwrite(this.#path('candidate.json'));
    await this.#files.remove(this.#path('candidate.json'));
    this.#candidate = null;
    this.#hasRemains = false;
  }

  async #mark(marker: EnrolmentMarker): Promise<void> {
    await this.#replace('enrolment.json', `${JSON.stringify(marker)}\n`);
    this.#marker = marker;
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #read(name: string): Promise<Buffer | null> {
    return this.#files.read(this.#path(name));
  }

  #replace(name: string, text: string): Promise<void> {
    return replaceFile(this.#files, this.#path(name), text, 0o600);
  }
}
