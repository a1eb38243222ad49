import { SalaError } from '../../systemd/errors.ts';
import type { EventRelay, RelayKit } from './event-relay.ts';
import type { Inventory, Kit, Room } from './inventory.ts';
import type { KitSecrets } from './secrets.ts';

/** What was done for a room or a kit, in words. */
export interface Step {
  readonly name: string;
  readonly words: string;
}
export interface Failure {
  readonly name: string;
  readonly error: SalaError;
}

export interface EnrolmentPlan {
  readonly inventory: Inventory;
  /** Of the inventory; solo kits enrol themselves at their own relay. */
  readonly kits: readonly Kit[];
  /** Kits that get another token in any case. */
  readonly renewed: ReadonlySet<string>;
}

export interface EnrolmentParts {
  readonly relay: Pick<EventRelay, 'rooms' | 'makeRoom' | 'readToken' | 'kits' | 'makeKit' | 'assign' | 'renew'>;
  readonly secrets: Pick<KitSecrets, 'of' | 'setEnrolment' | 'readToken' | 'setReadToken'>;
  readonly now: () => number;
  readonly done: (step: Step) => void;
}

/** A token that ends sooner is of no use on a card that has to travel. */
const leastLifeMs = 3 * 86_400_000;
/** What goes wrong for one goes wrong for all: there is no use in asking forty times. */
const hopeless = new Set(['relay-away', 'relay-login', 'relay-too-old']);

/**
 * Makes the rooms and kits that the relay lacks, and keeps each kit's enrolment token in the secrets the moment there is one.
 * What is there stays as organizers set it: a kit that was enrolled, a room's settings, the room a kit was moved to. So it
 * may be run as often as one likes, and goes on where it was ended.
 * @returns what did not work; everything else was done
 * @throws {SalaError} where nothing can be done
 */
export async function enrolKits(
  { inventory, kits, renewed }: EnrolmentPlan,
  parts: EnrolmentParts,
): Promise<Failure[]> {
  const { relay } = parts;
  const failures: Failure[] = [];
  const attempt = async (name: string, work: () => Promise<string>) => {
    try {
      parts.done({ name, words: await work() });
    } catch (error) {
      if (!(error instanceof SalaError) || hopeless.has(error.code)) throw error;
      failures.push({ name, error });
    }
  };
  const knownRooms = new Map((await relay.rooms()).map((room) => [room.room, room]));
  const wanted = new Set(kits.map(({ room }) => room));
  for (const room of inventory.rooms.filter(({ name }) => wanted.has(name))) {
    const known = knownRooms.get(room.name);
    await attempt(room.name, () => makeRoom(room, known?.public ?? false, known !== undefined, parts));
  }
  const knownKits = new Map((await relay.kits()).map((kit) => [kit.name, kit]));
  for (const kit of kits)
    await attempt(kit.name, () => makeKit(kit, knownKits.get(kit.name), renewed.has(kit.name), parts));
  return failures;
}

async function makeRoom(
  room: Room,
  isPublic: boolean,
  isKnown: boolean,
  { relay, secrets }: EnrolmentParts,
): Promise<string> {
  const { name, title, language } = room;
  if (!isKnown) await relay.makeRoom(name, { name: title, language });
  if (!isPublic && secrets.readToken(name) === null)
    secrets.setReadToken(name, await relay.readToken(name, 'Printed sheet of the kits'));
  return isKnown ? 'is there' : 'made';
}

async function makeKit(
  kit: Kit,
  known: RelayKit | undefined,
  isRenewed: boolean,
  parts: EnrolmentParts,
): Promise<string> {
  const { relay, secrets, now } = parts;
  const { name, kind, room } = kit;
  const keep = ({ token, expiresMs }: { token: string; expiresMs: number }) => {
    secrets.setEnrolment(name, { token, expiresMs });
    return `token until ${new Date(expiresMs).toISOString().slice(0, 10)}`;
  };
  if (!known) return `made; ${keep(await relay.makeKit(kit))}`;
  if (known.kind !== kind) throw otherKind(name, known.kind, kind);
  if (known.room === null) await relay.assign(name, room);
  const where = known.room === null || known.room === room ? '' : `; it serves ${known.room} now, and keeps it`;
  if (isRenewed) return `is to be enrolled anew; ${keep(await relay.renew(name))}${where}`;
  if (known.enrolled !== null) return `is enrolled${where}`;
  const kept = secrets.of(kit).enrolment;
  const isGood = kept !== null && kept.expiresMs === known.enrolment?.expires && kept.expiresMs > now() + leastLifeMs;
  return isGood ? `waits for its card to be used${where}` : `waits; ${keep(await relay.renew(name))}${where}`;
}

const otherKind = (name: string, is: string, wanted: string) =>
  new SalaError(`The kit ${name} is a ${is} kit at the relay, and a ${wanted} kit in the inventory`, {
    code: 'kit-kind',
    hint: 'Revoke it on the admin page and run this again, or give it another name in the inventory.',
  });
