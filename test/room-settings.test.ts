import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase } from '../relay/database.ts';
import { defaultRecognition } from '../relay/recognition.ts';
import { Rooms } from '../relay/rooms.ts';
import { TestRelay, temporaryFolder } from './harness/programs.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

const folder = temporaryFolder();
let relay: TestRelay;

beforeAll(async () => {
  relay = await TestRelay.start({
    dataDir: join(folder.path, 'relay'),
    engine: 'transcribe',
    env: standInEnvironment('http://127.0.0.1:1'),
  });
});

afterAll(async () => {
  await relay.stop();
  folder.remove();
});

interface Answer {
  status: number;
  body: { error?: { code: string; message: string; hint: string }; [name: string]: unknown };
}

async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(new URL(path, relay.url), {
    method,
    headers: { authorization: `Bearer ${relay.adminToken}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

let rooms = 0;
const freshRoom = () => `/api/rooms/room-${rooms++}`;
const single = { identification: 'single', languageOptions: ['en-US', 'it-IT'] };

/** What is asked of a room in English, and the two settings that clash in it. */
const impossible: readonly [title: string, change: object, one: string, other: string][] = [
  ['no such language', { language: 'lij-IT' }, 'language "lij-IT"', 'engine "transcribe"'],
  [
    'one language to identify',
    { recognition: { identification: 'single', languageOptions: ['it-IT'] } },
    'recognition.identification "single"',
    'recognition.languageOptions ["it-IT"]',
  ],
  [
    'languages and no identification',
    { recognition: { languageOptions: ['en-US', 'it-IT'] } },
    'recognition.languageOptions ["en-US","it-IT"]',
    'recognition.identification null',
  ],
  [
    'two dialects',
    { recognition: { identification: 'multiple', languageOptions: ['en-US', 'en-GB'] } },
    'recognition.languageOptions "en-US"',
    'recognition.languageOptions "en-GB"',
  ],
  [
    'a preferred language of another kind',
    { recognition: { ...single, preferredLanguage: 'fr-FR' } },
    'recognition.preferredLanguage "fr-FR"',
    'recognition.languageOptions ["en-US","it-IT"]',
  ],
  [
    'a preferred one of several',
    { recognition: { ...single, identification: 'multiple', preferredLanguage: 'it-IT' } },
    'recognition.preferredLanguage "it-IT"',
    'recognition.identification "multiple"',
  ],
  [
    'a room language beside others to identify',
    { language: 'de-DE', recognition: single },
    'language "de-DE"',
    'recognition.languageOptions ["en-US","it-IT"]',
  ],
  [
    'identification of what cannot be identified',
    { recognition: { identification: 'single', languageOptions: ['en-US', 'sv-SE'] } },
    'recognition.languageOptions "sv-SE"',
    'recognition.identification "single"',
  ],
  [
    'redaction and identification',
    { recognition: { ...single, pii: 'redact' } },
    'recognition.pii "redact"',
    'recognition.identification "single"',
  ],
  [
    'redaction of a language without it',
    { language: 'pl-PL', recognition: { pii: 'redact' } },
    'recognition.pii "redact"',
    'language "pl-PL"',
  ],
  [
    'kinds of nothing',
    { recognition: { piiEntityTypes: ['NAME'] } },
    'recognition.piiEntityTypes ["NAME"]',
    'recognition.pii null',
  ],
  [
    'a model and identification',
    { recognition: { ...single, languageModel: { name: 'm', language: 'en-US' } } },
    'recognition.languageModel {"name":"m","language":"en-US"}',
    'recognition.identification "single"',
  ],
  [
    'a model of another language',
    { recognition: { languageModel: { name: 'm', language: 'de-DE' } } },
    'recognition.languageModel {"name":"m","language":"de-DE"}',
    'language "en-US"',
  ],
  [
    'several vocabularies',
    { recognition: { vocabularies: ['a', 'b'] } },
    'recognition.vocabularies ["a","b"]',
    'recognition.identification null',
  ],
  [
    'several filters',
    { recognition: { vocabularyFilters: ['a', 'b'] } },
    'recognition.vocabularyFilters ["a","b"]',
    'recognition.identification null',
  ],
  [
    'written numbers',
    { language: 'cs-CZ', recognition: { transcriptFormat: 'written' } },
    'recognition.transcriptFormat "written"',
    'language "cs-CZ"',
  ],
  [
    'a region without streaming',
    { recognition: { region: 'eu-north-1' } },
    'recognition.region "eu-north-1"',
    'engine "transcribe"',
  ],
  [
    'a region without the language',
    { language: 'tr-TR', recognition: { region: 'ap-northeast-1' } },
    'recognition.region "ap-northeast-1"',
    'language "tr-TR"',
  ],
  [
    'another engine and redaction',
    { engine: 'script:load', recognition: { pii: 'redact' } },
    'recognition.pii "redact"',
    'engine "script:load"',
  ],
  [
    'another engine and identification',
    { engine: 'pocketsphinx', recognition: single },
    'recognition.identification "single"',
    'engine "pocketsphinx"',
  ],
  [
    'another engine and a filter',
    { engine: 'script:load', recognition: { vocabularyFilters: ['rude'] } },
    'recognition.vocabularyFilters ["rude"]',
    'engine "script:load"',
  ],
];

describe('an impossible combination', () => {
  test.each(impossible)('%s: is refused with the two settings that clash', async (_title, change, one, other) => {
    const room = freshRoom();
    const { status, body } = await ask('PUT', room, change);
    expect(status).toBe(409);
    expect(body.error?.code).toBe('settings-conflict');
    expect(body.error?.message).toContain(`${one} clashes with ${other}: `);
    expect(body.error?.hint).toMatch(/\w/);
    expect((await ask('GET', room)).status).toBe(404);
  });

  test('is refused, too, where its halves come one after the other; nothing changes', async () => {
    const room = freshRoom();
    expect((await ask('PUT', room, { recognition: { pii: 'redact' } })).status).toBe(201);
    const { status, body } = await ask('PUT', `${room}/language`, { language: 'pl-PL' });
    expect(status).toBe(409);
    expect(body.error?.message).toContain('recognition.pii "redact" clashes with language "pl-PL"');
    expect((await ask('PUT', room, { engine: 'script:load' })).status).toBe(409);
    expect((await ask('PUT', room, { recognition: single })).status).toBe(409);
    expect((await ask('GET', room)).body).toMatchObject({
      language: 'en-US',
      engine: null,
      recognition: { pii: 'redact' },
    });
  });

  test('is told whole where there are several', async () => {
    const { body } = await ask('PUT', freshRoom(), {
      recognition: { ...single, pii: 'redact', preferredLanguage: 'fr-FR', region: 'eu-west-3' },
    });
    for (const name of ['pii', 'preferredLanguage', 'region'])
      expect(body.error?.message).toContain(`recognition.${name} "`);
  });

  test('is no matter of form: what could never be meant is 400, each mistake named', async () => {
    const wrong = {
      identification: 'both',
      languageOptions: ['en-US', 'it-IT', 'de-DE', 'fr-FR', 'es-ES', 'pt-PT'],
      vocabularies: ['two words'],
      pii: ['identify', 'redact'],
      stability: 'none',
      whisper: true,
    };
    const { status, body } = await ask('PUT', freshRoom(), { recognition: wrong });
    expect({ status, code: body.error?.code }).toEqual({ status: 400, code: 'invalid' });
    for (const name of Object.keys(wrong)) expect(body.error?.message).toContain(name);
  });
});

test('settings are by default what the service does unasked; a change keeps the rest, null takes all back', async () => {
  const room = freshRoom();
  expect((await ask('PUT', room, {})).body.recognition).toEqual(defaultRecognition);
  await ask('PUT', room, { recognition: { speakerLabels: true, vocabularies: ['people'] } });
  const { body } = await ask('PUT', room, { recognition: { stability: 'low', region: 'us-east-1' } });
  const asked = {
    ...defaultRecognition,
    speakerLabels: true,
    vocabularies: ['people'],
    stability: 'low',
    region: 'us-east-1',
  };
  expect(body.recognition).toEqual(asked);
  await ask('PUT', room, { name: 'Sala Verdi' });
  expect((await ask('GET', room)).body.recognition).toEqual(asked);
  expect((await ask('PUT', room, { recognition: null })).body.recognition).toEqual(defaultRecognition);
});

test('what a room says of itself can be given back to it', async () => {
  const room = freshRoom();
  await ask('PUT', room, { recognition: { ...single, preferredLanguage: 'it-IT' } });
  const { language, recognition } = (await ask('GET', room)).body;
  expect(await ask('PUT', room, { language, recognition })).toMatchObject({
    status: 200,
    body: { language, recognition },
  });
});

test('identification takes the likeliest language for the room’s, and a language assigned ends it', async () => {
  const room = freshRoom();
  await ask('PUT', room, { language: 'de-DE' });
  const identified = await ask('PUT', room, { recognition: { ...single, preferredLanguage: 'it-IT' } });
  expect(identified.body).toMatchObject({ language: 'it-IT', recognition: { identification: 'single' } });
  const assigned = await ask('PUT', `${room}/language`, { language: 'de-DE' });
  expect(assigned).toMatchObject({ status: 200, body: { language: 'de-DE', recognition: defaultRecognition } });
});

test('what an engine does not know is accepted and said to be without effect', async () => {
  const room = freshRoom();
  const { status, body } = await ask('PUT', room, {
    engine: 'script:load',
    recognition: { vocabularies: ['people'], pii: 'identify' },
  });
  expect(status).toBe(201);
  expect(body.live).toMatchObject({ engine: { name: 'script:load', withoutEffect: ['vocabularies', 'pii'] } });
  expect((await ask('PUT', room, { engine: null })).body.live).toMatchObject({ engine: { withoutEffect: [] } });
});

test('every setting is described at /openapi.json', async () => {
  const described = JSON.stringify((await ask('GET', '/openapi.json')).body);
  for (const name of Object.keys(defaultRecognition)) expect(described).toContain(`"${name}"`);
});

describe('in the store', () => {
  test('a room from before there were these settings has their defaults, and nothing is assigned anew', () => {
    const db = openDatabase(join(folder.path, 'older'));
    db.prepare('INSERT INTO rooms (name, settings, log, created_ms) VALUES (?, ?, ?, 0)').run(
      'hall',
      JSON.stringify({
        title: 'Hall',
        language: 'it-IT',
        engine: null,
        public: false,
        source: null,
        languageAssigned: true,
      }),
      'log',
    );
    db.prepare('INSERT INTO assignments (room, from_ms, language, engine) VALUES (?, 0, ?, ?)').run(
      'hall',
      'it-IT',
      'transcribe',
    );
    const stored = new Rooms(db, { language: 'en-US', engine: 'transcribe' });
    stored.start();
    stored.put('hall', { title: 'Sala' });
    expect(stored.get('hall')?.settings).toMatchObject({ language: 'it-IT', recognition: defaultRecognition });
    expect(stored.assignments('hall')).toMatchObject([{ fromMs: 0, recognition: defaultRecognition }]);
    db.close();
  });

  test('each change is an assignment with all that governs from then on, and a start makes none', () => {
    const dir = join(folder.path, 'newer');
    let nowMs = 0;
    const open = () => {
      const db = openDatabase(dir);
      return { db, stored: new Rooms(db, { language: 'en-US', engine: 'transcribe' }, () => nowMs) };
    };
    const first = open();
    first.stored.put('hall', {});
    nowMs = 1000;
    first.stored.put('hall', { recognition: { speakerLabels: true } });
    first.stored.put('hall', { recognition: { speakerLabels: true } });
    nowMs = 2000;
    first.stored.put('hall', { language: 'it-IT' });
    first.db.close();
    const { db, stored } = open();
    stored.start();
    const spoken = { ...defaultRecognition, speakerLabels: true };
    expect(stored.assignments('hall')).toMatchObject([
      { fromMs: 0, language: 'en-US', recognition: defaultRecognition },
      { fromMs: 1000, language: 'en-US', recognition: spoken },
      { fromMs: 2000, language: 'it-IT', recognition: spoken },
    ]);
    db.close();
  });

  test('a language that a client suggests is a change once, and none where an organizer chose', () => {
    const db = openDatabase(join(folder.path, 'suggested'));
    const stored = new Rooms(db, { language: 'en-US', engine: 'transcribe' });
    stored.put('hall', {});
    let changes = 0;
    stored.onChanged(() => changes++);
    for (let connected = 0; connected < 3; connected++) stored.suggestLanguage('hall', 'it-IT');
    expect(stored.get('hall')?.settings).toMatchObject({ language: 'it-IT', languageAssigned: false });
    expect(changes).toBe(1);
    stored.put('hall', { language: 'de-DE' });
    expect(stored.suggestLanguage('hall', 'it-IT').settings.language).toBe('de-DE');
    expect(changes).toBe(2);
    db.close();
  });
});
