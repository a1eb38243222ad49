import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Database, openDatabase } from '../relay/database.ts';
import { transcribeVocabularies } from '../relay/engines/transcribe-vocabularies.ts';
import { type RoomChange, Rooms } from '../relay/rooms.ts';
import { Vocabularies, type VocabulariesParts } from '../relay/vocabularies.ts';
import { type ShelfLimits, shelfLimits } from '../relay/vocabulary-shelf.ts';
import { captureLog } from './harness/doors.ts';
import { temporaryFolder } from './harness/programs.ts';
import { until } from './harness/until.ts';
import { type ControlOptions, TranscribeControlStandIn } from './stand-ins/transcribe-control.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

const quick: ShelfLimits = {
  ...shelfLimits,
  changeDelayMs: 20,
  maxChangeDelayMs: 200,
  firstPollMs: 20,
  maxPollMs: 50,
  firstRetryMs: 20,
  maxRetryMs: 50,
  keepMs: 0,
  lookAgainMs: 50,
};
const folder = temporaryFolder();
let standIn: TranscribeControlStandIn;
let url = '';
let db: Database;
let rooms: Rooms;
let vocabularies: Vocabularies;

async function useStandIn(options: ControlOptions = {}): Promise<void> {
  await standIn?.stop();
  standIn = new TranscribeControlStandIn(options);
  ({ url } = await standIn.start());
  vi.stubEnv('AWS_ENDPOINT_URL_TRANSCRIBE', url);
}

function make(limits: Partial<ShelfLimits> = {}, parts: Partial<VocabulariesParts> = {}): Vocabularies {
  const { log } = captureLog();
  const made = new Vocabularies({
    db,
    rooms,
    defaultEngine: 'transcribe',
    region: 'eu-west-1',
    ownerId: 'a-relay',
    serviceIn: (region) => transcribeVocabularies(region, log),
    textRules: { show() {} },
    log,
    limits: { ...quick, ...limits },
    ...parts,
  });
  made.start();
  return made;
}

const list = (...phrases: string[]) => phrases.map((phrase) => ({ phrase, displayAs: null, language: null }));
const of = (room: string) => {
  const record = rooms.get(room);
  if (!record) throw new Error(`no room ${room}`);
  return vocabularies.of(record);
};
const states = (room: string) => of(room).vocabularies.map(({ language, state }) => `${language} ${state}`);
const becomes = (room: string, ...expected: string[]) =>
  until(() => JSON.stringify(states(room)) === JSON.stringify(expected) || undefined, {
    what: `${expected} (now ${states(room)})`,
  });
const change = (room: string, settings: RoomChange) => rooms.put(room, settings);
const lent = (room: string, ...languages: string[]) => {
  const loan = vocabularies.lend(room, languages, null);
  loan?.release();
  return loan?.names ?? null;
};
const contents = () =>
  standIn.vocabularies.map(({ language, region, phrases }) => `${language} ${region} ${phrases.join()}`).sort();

beforeEach(async () => {
  for (const [name, value] of Object.entries(standInEnvironment('http://127.0.0.1:9'))) vi.stubEnv(name, value);
  await useStandIn();
  db = openDatabase(`${folder.path}/${crypto.randomUUID()}`);
  rooms = new Rooms(db, { language: 'en-US', engine: 'transcribe' });
  change('hall', { language: 'en-US' });
  vocabularies = make();
});

afterEach(async () => {
  vocabularies.stop();
  await standIn.stop();
  db.close();
  vi.unstubAllEnvs();
});

describe('what is kept', () => {
  test('one for each language a room uses, of the event’s phrases and the room’s', async () => {
    vocabularies.putEvent(list('Ada Lovelace'));
    change('hall', { vocabulary: list('Kubernetes', 'Zoë') });
    change('sala', { recognition: { identification: 'multiple', languageOptions: ['it-IT', 'de-DE'] } });
    await becomes('hall', 'en-US ready');
    await becomes('sala', 'it-IT ready', 'de-DE ready');
    await until(() => standIn.vocabularies.length === 3 || undefined);
    expect(contents()).toEqual([
      'de-DE eu-west-1 Ada-Lovelace',
      'en-US eu-west-1 Ada-Lovelace,Kubernetes',
      'it-IT eu-west-1 Ada-Lovelace',
    ]);
    expect(of('hall').leftOut).toMatchObject([{ list: 'room', index: 1, phrase: 'Zoë', language: 'en-US' }]);
    expect(lent('hall', 'en-US')).toHaveLength(1);
    expect(lent('sala', 'it-IT', 'de-DE')).toHaveLength(2);
    expect(lent('hall', 'fr-FR')).toBeNull();
  });

  test('in the region of the room', async () => {
    vocabularies.putEvent(list('Ada'));
    change('far', { recognition: { region: 'us-east-1' } });
    await becomes('far', 'en-US ready');
    await becomes('hall', 'en-US ready');
    expect(contents()).toEqual(['en-US eu-west-1 Ada', 'en-US us-east-1 Ada']);
    expect(vocabularies.lend('far', ['en-US'], 'us-east-1')?.names).toHaveLength(1);
    expect(vocabularies.lend('far', ['en-US'], 'eu-central-1')).toBeNull();
  });

  test('rooms with the same list share one', async () => {
    change('other', { language: 'en-US' });
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    await becomes('other', 'en-US ready');
    expect(standIn.vocabularies).toHaveLength(1);
    expect(standIn.count('CreateVocabulary')).toBe(1);
  });

  test('none for a room with vocabularies of its own, or another engine', async () => {
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    change('hall', { recognition: { vocabularies: ['mine'] } });
    expect(of('hall')).toMatchObject({ vocabularies: [], message: expect.stringContaining('go before') });
    change('hall', { recognition: null, engine: 'pocketsphinx' });
    expect(of('hall')).toMatchObject({ vocabularies: [], message: expect.stringContaining('pocketsphinx') });
    await until(() => standIn.vocabularies.length === 0 || undefined, { what: 'the deletion' });
  });

  test('a burst of changes is one vocabulary', async () => {
    for (let i = 0; i < 10; i++) vocabularies.putEvent(list(...'abcdefghij'.slice(0, i + 1)));
    await becomes('hall', 'en-US ready');
    expect(standIn.count('CreateVocabulary')).toBe(1);
  });

  test('without phrases nothing is asked', async () => {
    change('hall', { language: 'it-IT' });
    await new Promise((resolve) => setTimeout(resolve, 5 * quick.changeDelayMs));
    expect(standIn.calls).toEqual([]);
  });
});

describe('a changed list', () => {
  test('is used when it is ready, and until then the one before it; then that is deleted', async () => {
    await useStandIn({ readyAfterMs: null });
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US pending');
    expect(lent('hall', 'en-US')).toBeNull();
    standIn.finish(standIn.vocabularies[0]?.name ?? '');
    await becomes('hall', 'en-US ready');
    const before = lent('hall', 'en-US');
    vocabularies.putEvent(list('Ada', 'Grace'));
    await becomes('hall', 'en-US pending');
    expect(lent('hall', 'en-US')).toEqual(before);
    standIn.finish(standIn.vocabularies.at(-1)?.name ?? '');
    await becomes('hall', 'en-US ready');
    expect(lent('hall', 'en-US')).not.toEqual(before);
    await until(() => standIn.vocabularies.length === 1 || undefined, { what: 'the deletion' });
    expect(contents()).toEqual(['en-US eu-west-1 Ada,Grace']);
  });

  test('that the service cannot make tells why, and leaves the one before it', async () => {
    await useStandIn({ readyAfterMs: null });
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US pending');
    standIn.finish(standIn.vocabularies[0]?.name ?? '');
    await becomes('hall', 'en-US ready');
    const before = lent('hall', 'en-US');
    vocabularies.putEvent(list('Grace'));
    await becomes('hall', 'en-US pending');
    standIn.finish(standIn.vocabularies.at(-1)?.name ?? '', 'The phrase Grace is not to our liking.');
    await becomes('hall', 'en-US failed');
    await until(() => of('hall').vocabularies[0]?.message.includes('not to our liking') || undefined);
    expect(lent('hall', 'en-US')).toEqual(before);
  });

  test('does not delete what a session still uses', async () => {
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    const loan = vocabularies.lend('hall', ['en-US'], null);
    vocabularies.putEvent(list('Grace'));
    await becomes('hall', 'en-US ready');
    const looks = standIn.count('ListVocabularies');
    await until(() => standIn.count('ListVocabularies') >= looks + 3 || undefined, { what: 'three more looks' });
    expect(standIn.vocabularies).toHaveLength(2);
    loan?.release();
    await until(() => standIn.vocabularies.length === 1 || undefined, { what: 'the deletion' });
  });
});

describe('a fault', () => {
  const faults = [
    ['AccessDeniedException', 'transcribe:CreateVocabulary'],
    ['UnrecognizedClientException', 'credentials'],
    ['ThrottlingException', 'again'],
    ['InternalFailureException', 'again'],
  ] as const;
  test.each(faults)('%s is shown, captions go on without, and it heals', { timeout: 60_000 }, async (name, hint) => {
    standIn.failEvery({ name, message: 'No.', status: name.startsWith('Internal') ? 500 : 400 });
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US unavailable');
    expect(of('hall').vocabularies[0]?.message).toMatch(/\w/);
    expect(of('hall').vocabularies[0]?.hint).toContain(hint);
    expect(lent('hall', 'en-US')).toBeNull();
    standIn.failEvery(null);
    await becomes('hall', 'en-US ready');
  });

  test('no credentials are a state that ends when there are some', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US unavailable');
    expect(of('hall').vocabularies[0]?.message).toContain('credentials');
    for (const [name, value] of Object.entries(standInEnvironment(''))) vi.stubEnv(name, value);
    vi.stubEnv('AWS_ENDPOINT_URL_TRANSCRIBE', url);
    await becomes('hall', 'en-US ready');
  });

  test('a service that cannot be reached is one, too', async () => {
    await standIn.stop();
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US unavailable');
    expect(of('hall').vocabularies[0]?.message).toContain('refused the connection');
    await standIn.start();
    await becomes('hall', 'en-US ready');
  });

  test('a refused list is told and not asked for again, and others are made', async () => {
    standIn.failNext('CreateVocabulary', { name: 'BadRequestException', message: 'Phrase 1 is odd.' });
    vocabularies.putEvent(list('Ada'));
    change('sala', { language: 'it-IT' });
    await until(() => standIn.vocabularies.length === 1 || undefined);
    const told = [...of('hall').vocabularies, ...of('sala').vocabularies].filter(({ state }) => state === 'failed');
    expect(told).toMatchObject([{ message: expect.stringContaining('Phrase 1 is odd.') }]);
    const looks = standIn.count('ListVocabularies');
    await until(() => standIn.count('ListVocabularies') >= looks + 3 || undefined, { what: 'three more looks' });
    expect(standIn.count('CreateVocabulary')).toBe(2);
  });

  test('a full account is told, room is made by what is not needed, and it goes on when there is some', async () => {
    await useStandIn({ maxVocabularies: 1 });
    vocabularies.stop();
    vocabularies = make({ keepMs: 3_600_000 });
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    // What is of no use any more makes place.
    change('hall', { language: 'it-IT' });
    await becomes('hall', 'it-IT ready');
    expect(contents()).toEqual(['it-IT eu-west-1 Ada']);
    const before = standIn.calls.length;
    change('sala', { recognition: { identification: 'single', languageOptions: ['de-DE', 'fr-FR', 'es-ES'] } });
    await becomes('sala', 'de-DE unavailable', 'fr-FR unavailable', 'es-ES unavailable');
    // Who is told that there is no place does not ask for each, look by look. (The SDK itself repeats the call.)
    let asked = new Set<string>();
    for (const { operation, name } of standIn.calls.slice(before)) {
      if (operation === 'ListVocabularies') asked = new Set();
      if (operation === 'CreateVocabulary') asked.add(name);
      expect(asked.size).toBeLessThanOrEqual(1);
    }
    change('sala', { language: 'de-DE' });
    await becomes('sala', 'de-DE unavailable');
    expect(of('sala').vocabularies[0]?.hint).toContain('100');
    rooms.delete('hall');
    await becomes('sala', 'de-DE ready');
  });

  test('an answer that was lost on its way makes nothing twice', async () => {
    standIn.failNext('CreateVocabulary', 'lose-answer');
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    expect(standIn.vocabularies).toHaveLength(1);
  });

  test('a session that is refused because of it goes without from then on', async () => {
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    vocabularies.lend('hall', ['en-US'], null)?.refused();
    expect(lent('hall', 'en-US')).toBeNull();
    expect(states('hall')).toEqual(['en-US failed']);
  });

  test('a session that is refused because of the list before the present one goes without from then on', async () => {
    await useStandIn({ readyAfterMs: null });
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US pending');
    standIn.finish(standIn.vocabularies[0]?.name ?? '');
    await becomes('hall', 'en-US ready');
    vocabularies.putEvent(list('Grace'));
    await becomes('hall', 'en-US pending');
    vocabularies.lend('hall', ['en-US'], null)?.refused();
    const looks = standIn.count('ListVocabularies');
    await until(() => standIn.count('ListVocabularies') >= looks + 3 || undefined, { what: 'three more looks' });
    expect(lent('hall', 'en-US')).toBeNull();
    standIn.finish(standIn.vocabularies.at(-1)?.name ?? '');
    await becomes('hall', 'en-US ready');
    expect(lent('hall', 'en-US')).toHaveLength(1);
  });

  test('what somebody else deleted is made again', async () => {
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    standIn.vocabularies.pop();
    await until(() => standIn.vocabularies.length === 1 || undefined);
    await becomes('hall', 'en-US ready');
  });
});

describe('after a restart', () => {
  test('what there is is used without being made again, and what a crash left over is deleted', async () => {
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    vocabularies.stop();
    vocabularies = make();
    await becomes('hall', 'en-US ready');
    expect(standIn.count('CreateVocabulary')).toBe(1);
    vocabularies.stop();
    // The change is kept, and the relay gone before it was acted on.
    change('hall', { language: 'it-IT' });
    vocabularies = make();
    await becomes('hall', 'it-IT ready');
    await until(() => standIn.vocabularies.length === 1 || undefined, { what: 'the deletion' });
    vocabularies.stop();
    rooms.delete('hall');
    vocabularies = make();
    await until(() => standIn.vocabularies.length === 0 || undefined, { what: 'the deletion of the last' });
  });

  test('a relay that is stopped before it knows what there is finds it the next time', async () => {
    await useStandIn({ readyAfterMs: null });
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US pending');
    vocabularies.stop();
    rooms.delete('hall');
    const asked = Promise.withResolvers<void>();
    const look = async (_part: string, signal: AbortSignal) => {
      asked.resolve();
      await once(signal, 'abort');
      throw signal.reason;
    };
    const { log } = captureLog();
    vocabularies = make({}, { serviceIn: (region) => ({ ...transcribeVocabularies(region, log), list: look }) });
    await asked.promise;
    vocabularies.stop();
    await new Promise(setImmediate);
    vocabularies = make();
    standIn.finish(standIn.vocabularies[0]?.name ?? '');
    await until(() => standIn.vocabularies.length === 0 || undefined, { what: 'the deletion' });
  });

  test('a session that opens at once has what was ready, and goes without where that is gone meanwhile', async () => {
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    const before = lent('hall', 'en-US');
    vocabularies.stop();
    vocabularies = make({ changeDelayMs: 3_600_000 });
    expect(lent('hall', 'en-US')).toEqual(before);
    vocabularies.stop();
    standIn.vocabularies.pop();
    await useStandIn({ readyAfterMs: null });
    vocabularies = make();
    const loan = vocabularies.lend('hall', ['en-US'], null);
    expect(loan?.names).toEqual(before);
    loan?.refused();
    expect(lent('hall', 'en-US')).toBeNull();
    await becomes('hall', 'en-US pending');
    standIn.finish(standIn.vocabularies[0]?.name ?? '');
    await becomes('hall', 'en-US ready');
    expect(lent('hall', 'en-US')).toEqual(before);
  });

  test('what is not ours is left alone, also another relay’s', async () => {
    vocabularies.putEvent(list('Ada'));
    await becomes('hall', 'en-US ready');
    vocabularies.stop();
    const another = openDatabase(`${folder.path}/${crypto.randomUUID()}`);
    const before = db;
    db = another;
    rooms = new Rooms(db, { language: 'en-US', engine: 'transcribe' });
    change('hall', { language: 'en-US' });
    vocabularies = make({}, { ownerId: 'another-relay' });
    vocabularies.putEvent(list('Grace'));
    await becomes('hall', 'en-US ready');
    vocabularies.putEvent([]);
    await until(() => standIn.vocabularies.length === 1 || undefined, { what: 'the deletion of its own' });
    expect(contents()).toEqual(['en-US eu-west-1 Ada']);
    before.close();
  });
});
