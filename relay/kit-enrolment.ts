import { SalaError } from '../systemd/errors.ts';
import type { Logger } from '../systemd/log.ts';
import type { Access } from './access.ts';
import type { ClientAddress } from './addresses.ts';
import type { Audit } from './audit.ts';
import type { EnrolmentAnswer } from './kit-protocol.ts';
import type { Kits } from './kits.ts';
import type { LiveRooms } from './live.ts';
import { RateLimit } from './rate.ts';
import { type Refusal, tooManyRequests, unauthorized } from './refusal.ts';

/** A kit asks again once in a while. */
const asksPerMinute = 30;

export interface KitEnrolmentParts {
  readonly kits: Pick<Kits, 'enrol' | 'ownerOf'>;
  readonly rooms: Pick<LiveRooms, 'get'>;
  readonly access: Pick<Access, 'noteFailed'>;
  readonly audit: Pick<Audit, 'note'>;
  readonly log: Pick<Logger, 'info'>;
  readonly roomTime?: () => number;
}

/** What a kit shows to be enrolled. */
export interface Enrolment {
  /** Of its card; null: none. */
  readonly token: string | null;
  /** That it made for itself. */
  readonly key: string;
  readonly version: string;
  readonly serial?: string | undefined;
  readonly from: ClientAddress;
}

/**
 * Where kits come in that nobody knows yet: open to the internet. A right token counts by itself, so that nobody who shares
 * the venue's address can use up its attempts; what was never one of ours counts as a failed attempt of its address.
 */
export class KitEnrolment {
  /** Since the start. */
  enrolled = 0;
  /** By code. */
  readonly refusals = new Map<string, number>();
  readonly #parts: KitEnrolmentParts;
  readonly #asked = new RateLimit({ perMinute: asksPerMinute });
  /** A card that is tried again and again must not push everything else out of the audit log. */
  readonly #noted = new RateLimit({ perMinute: 1 / 60, atOnce: 1 });

  constructor(parts: KitEnrolmentParts) {
    this.#parts = parts;
  }

  /** @throws {SalaError} as `KitTokens.exchange` does @returns what to answer, also where that is a refusal */
  enrol({ token, key, from, ...said }: Enrolment): EnrolmentAnswer | Refusal {
    const { kits, access } = this.#parts;
    if (token === null) return this.#refused(unauthorized(false));
    const owner = kits.ownerOf(token);
    const waitMs = this.#asked.take(owner === null ? `address ${from.prefix}` : `kit ${owner}`);
    if (waitMs > 0) return this.#refused(tooManyRequests(Math.ceil(waitMs / 1000)));
    try {
      const { record, isRepeated } = kits.enrol(token, key, said);
      const { name, kind } = record;
      if (!isRepeated) {
        this.enrolled++;
        this.#note(name, `kit ${name}`, from, 'enrolled', { version: said.version });
      }
      const room = this.#parts.rooms.get(record.room ?? '');
      return {
        kit: { name, kind },
        room: room ? { name: room.record.name, title: room.record.settings.title } : null,
        at: (this.#parts.roomTime ?? Date.now)(),
      };
    } catch (error) {
      if (!(error instanceof SalaError)) throw error;
      const { code } = error;
      const tooMany = owner === null ? access.noteFailed(from, token) : null;
      if (tooMany) return this.#refused(tooMany);
      this.#count(code);
      // Whoever shows a token that was good once has a card, or a copy of one.
      if (owner !== null && code !== 'disk' && this.#noted.take(`${owner} ${code}`) === 0)
        this.#note(owner, 'nobody', from, 'was refused an enrolment', { code });
      throw error;
    }
  }

  #refused(refusal: Refusal): Refusal {
    this.#count(refusal.code);
    return refusal;
  }

  #count(code: string): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }

  #note(kit: string, actor: string, { address }: ClientAddress, act: string, detail: Record<string, unknown>): void {
    this.#parts.log.info({ event: 'kit-enrolment', kit, act, ...detail }, 'A kit asked to be enrolled');
    this.#parts.audit.note({ actor, address, act, room: null, detail: { kit, ...detail } });
  }
}
