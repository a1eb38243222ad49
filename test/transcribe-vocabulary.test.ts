import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TranscribeEngine } from '../relay/engines/transcribe.ts';
import { defaultRecognition, type Recognition } from '../relay/recognition.ts';
import { createLog } from '../systemd/log.ts';
import { EngineRecorder, play } from './harness/engine-recorder.ts';
import { numberedBlocks } from './harness/numbered-signal.ts';
import { TranscribeStandIn } from './stand-ins/transcribe.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';

let standIn: TranscribeStandIn;
let asked: (readonly unknown[])[];
let events: string[];

beforeEach(async () => {
  standIn = new TranscribeStandIn();
  const { url } = await standIn.start();
  for (const [name, value] of Object.entries(standInEnvironment(url))) vi.stubEnv(name, value);
  asked = [];
  events = [];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await standIn.stop();
});

/** A session of an engine for which these are kept. */
function open(names: readonly string[], recognition: Partial<Recognition> = {}) {
  const engine = new TranscribeEngine({
    log: createLog('silent')('transcribe'),
    vocabularies: {
      lend(...given) {
        asked.push(given);
        return {
          names,
          release: () => events.push('released'),
          refused: () => events.push('refused'),
        };
      },
    },
  });
  const recorder = new EngineRecorder();
  const settings = { room: 'hall', language: 'en-US', recognition: { ...defaultRecognition, ...recognition } };
  const session = engine.open(settings, recorder);
  const speak = () => play(session, numberedBlocks(0, 300), { speed: 10, until: () => recorder.isOver });
  return { recorder, session, speak };
}

test('what is kept for the room is asked of the service, by one name or several', async () => {
  const one = open(['kept'], { region: 'us-east-1' });
  const several = open(['kept-en', 'kept-it'], { identification: 'multiple', languageOptions: ['en-US', 'it-IT'] });
  expect(asked).toEqual([
    ['hall', ['en-US'], 'us-east-1'],
    ['hall', ['en-US', 'it-IT'], null],
  ]);
  for (const { session, speak } of [one, several]) {
    void speak();
    await standIn.session(standIn.sessions.length);
    session.abort();
  }
  expect(standIn.sessions.map((session) => session.asked.vocabularies)).toEqual([['kept'], ['kept-en', 'kept-it']]);
  expect(events).toEqual(['released', 'released']);
});

test('what the room names itself goes before', async () => {
  const { session, speak } = open(['kept'], { vocabularies: ['mine'] });
  void speak();
  expect((await standIn.session(0)).asked.vocabularies).toEqual(['mine']);
  session.abort();
  expect(asked).toEqual([]);
});

test('a vocabulary that is refused is no configuration fault of the room: the next session is opened at once', async () => {
  standIn.failNext({
    kind: 'exception',
    name: 'BadRequestException',
    message: 'The requested vocabulary is not ready.',
    when: 'start',
  });
  const { recorder, speak } = open(['kept']);
  await speak();
  await recorder.over();
  expect(recorder.failures).toMatchObject([
    { kind: 'reopen', hint: expect.stringContaining('without the vocabulary') },
  ]);
  expect(events.sort()).toEqual(['refused', 'released']);
});

test('one that the room names itself stays one', async () => {
  standIn.failNext({
    kind: 'exception',
    name: 'BadRequestException',
    message: 'The requested vocabulary is not ready.',
    when: 'start',
  });
  const { recorder, speak } = open([], { vocabularies: ['mine'] });
  await speak();
  await recorder.over();
  expect(recorder.failures).toMatchObject([{ kind: 'configuration', code: 'transcribe-vocabulary' }]);
});

test('it is given back once, however the session ends', async () => {
  const { recorder, session, speak } = open(['kept']);
  const speaking = speak();
  await recorder.saw('partial');
  expect(events).toEqual([]);
  session.end(5000);
  await recorder.over();
  await speaking;
  session.abort();
  expect(recorder.names.at(-1)).toBe('ended');
  expect(events).toEqual(['released']);
});
