import type { Trouble } from './alarms.ts';
import type { KitHealth, KitKind } from './kit-protocol.ts';
import type { KitRecord } from './kits.ts';

/** A kit that was enrolled, as the alarms of its room see it. */
export interface KitFacts {
  readonly name: string;
  readonly kind: KitKind;
  readonly isConnected: boolean;
  /** The last sign of it, room time; null: none. */
  readonly seenMs: number | null;
  readonly health: KitHealth | null;
}

export interface KitSurroundings {
  readonly paused: boolean;
  readonly isTalk: boolean;
  /** Room time. */
  readonly now: number;
}

/** A kit that was heard or seen so long ago, and in no talk, was switched off on purpose. */
export const atWorkMs = 12 * 3_600_000;
/** After a start of the relay, and of a kit's own network, it comes back by itself. */
const returnMs = 15_000;
/** A page that did not paint for so long does not; the kit's own supervisor has had its turn then. */
const maxBeatAgeMs = 15_000;
const frozenAfterMs = 15_000;

/** The kits of each room that were enrolled. */
export function kitsByRoom(
  records: readonly KitRecord[],
  isConnected: (name: string) => boolean,
): ReadonlyMap<string, readonly KitFacts[]> {
  const rooms = new Map<string, KitFacts[]>();
  for (const { name, kind, room, enrolledMs, seenMs, told } of records) {
    if (room === null || enrolledMs === null) continue;
    const facts = { name, kind, isConnected: isConnected(name), seenMs, health: told.health ?? null };
    rooms.set(room, [...(rooms.get(room) ?? []), facts]);
  }
  return rooms;
}

/** Whether a kit should be there: it was today, or a talk is on. */
export const isAtWork = ({ seenMs }: KitFacts, { isTalk, now }: KitSurroundings) =>
  isTalk || (seenMs !== null && now - seenMs <= atWorkMs);

/** `verdi-1 and verdi-2` */
export const named = (kits: readonly KitFacts[]) => kits.map(({ name }) => name).join(' and ');

const screens = (kits: readonly KitFacts[], one: string, several: string) =>
  kits.length === 1 ? `The screen’s kit ${named(kits)} ${one}` : `The screens’ kits ${named(kits)} ${several}`;

/** What is wrong with the screens of a room; its sound has alarms of its own. */
export function displayTroubles(kits: readonly KitFacts[], around: KitSurroundings): Trouble[] {
  const displays = kits.filter(({ kind }) => kind !== 'device');
  const there = displays.filter(({ isConnected }) => isConnected);
  const severity = around.paused ? 'warning' : 'fault';
  // A solo kit that is away has its room's sound away, too, and its relay.
  const away = displays.filter((kit) => kit.kind === 'display' && !kit.isConnected && isAtWork(kit, around));
  const frozen = there.filter(({ health }) => isFrozen(health));
  const weak = there.filter(({ kind, health }) => kind === 'display' && health?.machine?.power?.low === true);
  const [faulty] = there.filter((kit) => isFaulty(kit.health) && !frozen.includes(kit) && !weak.includes(kit));
  const found: (Trouble | false)[] = [
    away.length > 0 && {
      ...{ code: 'display-offline', severity, afterMs: returnMs },
      message: `${screens(away, 'is', 'are')} not connected.`,
      hint: 'Check its power and its network cable. A screen that has power shows the last words it had.',
    },
    frozen.length > 0 && {
      ...{ code: 'display-frozen', severity, afterMs: frozenAfterMs },
      message: `The screen of ${named(frozen)} stands still.`,
      hint: 'The kit starts its page again by itself. If this stays, take its power away for ten seconds.',
    },
    weak.length > 0 && {
      ...{ code: 'display-power', severity: 'warning' },
      message: `${screens(weak, 'gets', 'get')} too little power.`,
      hint: 'Use the power supply that belongs to the Raspberry Pi, not the screen’s own USB socket.',
    },
    faulty?.health != null && {
      ...{ code: 'display-fault', severity: 'warning', afterMs: returnMs },
      message: `${faulty.name}: ${sentence(faulty.health.message)}`,
      hint: faulty.health.hint ?? 'Its status page and its lights say more.',
    },
  ];
  return found.filter((each) => each !== false);
}

const isFrozen = (health: KitHealth | null) =>
  health?.page !== undefined && (health.page.beatAgeMs === null || health.page.beatAgeMs > maxBeatAgeMs);
/** What an alarm of its own tells. */
const toldElsewhere = /^(ok|starting|weak-power|too-hot|storage-.*)$/;
const isFaulty = (health: KitHealth | null) => health !== null && !toldElsewhere.test(health.state);

/** From here on a Raspberry Pi slows itself down. */
const hotC = 80;
/** Nothing is said of less: captions do not need a kit's clock, but a certificate does. */
const clockOffMs = 60_000;
/** A clock is set soon after the network is there. */
const clockAfterMs = 120_000;

/** What is wrong with the machines of a room's kits, whatever they are for: their cards, their heat, their clocks. */
export function machineTroubles(kits: readonly KitFacts[]): Trouble[] {
  const there = kits.filter(({ isConnected, health }) => isConnected && health?.machine);
  // That the card of a kit with sound is full is told by its source.
  const worn = there.filter(
    ({ kind, health }) =>
      !['ok', ...(kind === 'display' ? [] : ['low'])].includes(health?.machine?.storage?.state ?? 'ok'),
  );
  const hot = there.filter(({ health }) => (health?.machine?.temperatureC ?? 0) >= hotC);
  const [off] = there.filter(({ health }) => Math.abs(health?.machine?.clock?.offsetMs ?? 0) > clockOffMs);
  const found: (Trouble | false)[] = [
    worn.length > 0 && {
      ...{ code: 'kit-storage', severity: 'warning' },
      message: `${named(worn)}: ${sentence(worn[0]?.health?.machine?.storage?.message ?? 'The card is failing')}`,
      hint: 'Captions go on. Replace the SD card at the next break: flash another one for this kit.',
    },
    hot.length > 0 && {
      ...{ code: 'kit-hot', severity: 'warning', afterMs: returnMs },
      message: `${named(hot)}: ${hot.length === 1 ? 'it is too hot and slows' : 'they are too hot and slow'} down (${Math.round(hot[0]?.health?.machine?.temperatureC ?? 0)} °C).`,
      hint: 'Give it air: take it out of closed boxes, off the amplifier, out of the sun.',
    },
    off !== undefined && {
      ...{ code: 'kit-clock', severity: 'warning', afterMs: clockAfterMs },
      message: `${off.name}: its clock is ${(off.health?.machine?.clock?.offsetMs ?? 0) > 0 ? 'ahead' : 'behind'} by more than a minute.`,
      hint: 'Captions do not need it. Let the kit through to its time servers (UDP port 123), or the relay’s certificate may look invalid to it.',
    },
  ];
  return found.filter((each) => each !== false);
}

const sentence = (words: string) => (/[.!?…]$/.test(words) ? words : `${words}.`);
