import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TranscribeEngine } from '../relay/engines/transcribe.ts';
import { changeRecognition, defaultRecognition, type RecognitionChange } from '../relay/recognition.ts';
import { createLog } from '../systemd/log.ts';
import { EngineRecorder, play } from './harness/engine-recorder.ts';
import { blockSamples, numberedBlocks } from './harness/numbered-signal.ts';
import { type StandInOptions, TranscribeStandIn } from './stand-ins/transcribe.ts';
import { standInEnvironment } from './stand-ins/transcribe-environment.ts';
import type { HeardWord } from './stand-ins/transcribe-hearing.ts';

let standIn: TranscribeStandIn;

const useStandIn = async (options: StandInOptions = {}) => {
  standIn = new TranscribeStandIn(options);
  const { url } = await standIn.start();
  for (const [name, value] of Object.entries(standInEnvironment(url))) vi.stubEnv(name, value);
};

beforeEach(() => useStandIn());

afterEach(async () => {
  vi.unstubAllEnvs();
  await standIn.stop();
});

const engine = () => new TranscribeEngine({ log: createLog('silent')('transcribe') });
const numberOf = ({ text }: HeardWord) => Number(text.slice(1));

/** Numbers, spoken ten times as fast as they are. */
async function hear(recognition: RecognitionChange, { language = 'en-US', from = engine(), count = 20 } = {}) {
  const recorder = new EngineRecorder();
  const settings = { room: 'a-room', language, recognition: changeRecognition(defaultRecognition, recognition) };
  const session = from.open(settings, recorder);
  await play(session, numberedBlocks(0, count), { speed: 10, until: () => recorder.isOver });
  session.end(5000);
  await recorder.over();
  return recorder;
}

test('every setting reaches the service, which takes the request', async () => {
  const recorder = await hear({
    vocabularies: ['people'],
    vocabularyFilters: ['rude'],
    vocabularyFilterMethod: 'tag',
    languageModel: { name: 'keynotes', language: 'en-US' },
    stability: 'medium',
    speakerLabels: true,
    pii: 'redact',
    piiEntityTypes: ['EMAIL', 'NAME'],
    transcriptFormat: 'spoken',
    region: 'us-east-2',
  });
  expect(recorder.names.at(-1)).toBe('ended');
  const { headers, region, badSignatures } = await standIn.session(0);
  expect({ region, badSignatures }).toEqual({ region: 'us-east-2', badSignatures: 0 });
  const asked = Object.entries({
    'language-code': 'en-US',
    'vocabulary-name': 'people',
    'vocabulary-filter-name': 'rude',
    'vocabulary-filter-method': 'tag',
    'language-model-name': 'keynotes',
    'enable-partial-results-stabilization': 'true',
    'partial-results-stability': 'medium',
    'show-speaker-label': 'true',
    'content-redaction-type': 'PII',
    'pii-entity-types': 'EMAIL,NAME',
    'transcript-format': 'spoken',
  });
  for (const [name, value] of asked) expect(headers[`x-amzn-transcribe-${name}`], name).toBe(value);
});

test('rooms of one engine may be in several regions', async () => {
  const from = engine();
  await Promise.all([hear({}, { from }), hear({ region: 'eu-central-1' }, { from })]);
  expect(standIn.sessions.map(({ region }) => region).toSorted()).toEqual(['eu-central-1', 'eu-west-1']);
});

test('with one language to identify, all carries the one that was found', async () => {
  await standIn.stop();
  await useStandIn({ describe: () => ({ language: 'it-IT' }) });
  const recorder = await hear({
    identification: 'single',
    languageOptions: ['en-US', 'it-IT'],
    preferredLanguage: 'it-IT',
    vocabularies: ['people', 'persone'],
  });
  expect(recorder.names.at(-1)).toBe('ended');
  const results = [...recorder.results('partial'), ...recorder.results('final')];
  expect(new Set(results.map(({ language }) => language))).toEqual(new Set(['it-IT']));
  expect((await standIn.session(0)).asked).toMatchObject({
    languages: ['en-US', 'it-IT'],
    identification: 'single',
    vocabularies: ['people', 'persone'],
  });
});

test('with several languages to identify, each number carries the one it was said in', async () => {
  await standIn.stop();
  const languageOf = (word: HeardWord) => (numberOf(word) % 10 < 5 ? 'en-US' : 'it-IT');
  await useStandIn({ describe: (word) => ({ language: languageOf(word) }) });
  const recorder = await hear({ identification: 'multiple', languageOptions: ['en-US', 'it-IT'] });
  const said = recorder.results('final').map(({ text, language }) => [language, text]);
  expect(said).toEqual([
    ['en-US', 'n0 n1 n2 n3 n4'],
    ['it-IT', 'n5 n6 n7 n8 n9'],
    ['en-US', 'n10 n11 n12 n13 n14'],
    ['it-IT', 'n15 n16 n17 n18 n19'],
  ]);
});

test('speakers come with the words, where they were asked for', async () => {
  await standIn.stop();
  await useStandIn({ describe: (word) => ({ speaker: numberOf(word) < 5 ? '0' : '1' }) });
  const speakers = async (speakerLabels: boolean) =>
    (await hear({ speakerLabels })).results('final').flatMap(({ words }) => words.map(({ speaker }) => speaker));
  expect(await speakers(true)).toEqual(Array.from({ length: 20 }, (_, i) => (i < 5 ? '0' : '1')));
  expect(await speakers(false)).toEqual(Array.from({ length: 20 }, () => null));
});

test('a filtered word is tagged by its place, masked or left out', async () => {
  await standIn.stop();
  await useStandIn({ describe: (word) => ({ filtered: numberOf(word) === 3 }) });
  const final = async (vocabularyFilterMethod: 'mask' | 'remove' | 'tag') => {
    const [first] = (await hear({ vocabularyFilters: ['rude'], vocabularyFilterMethod })).results('final');
    return { text: first?.text.split(' ').slice(0, 5).join(' '), marks: first?.marks };
  };
  const place = { start: 3 * blockSamples, end: 4 * blockSamples };
  expect(await final('tag')).toEqual({
    text: 'n0 n1 n2 n3 n4',
    marks: [{ kind: 'vocabulary-filter', type: null, ...place }],
  });
  expect(await final('mask')).toEqual({ text: 'n0 n1 n2 *** n4', marks: undefined });
  expect(await final('remove')).toEqual({ text: 'n0 n1 n2 n4 n5', marks: undefined });
});

test('personal data is marked by its place and kind, or redacted in finals', async () => {
  await standIn.stop();
  await useStandIn({ describe: (word) => ({ ...(numberOf(word) % 10 === 4 && { pii: 'EMAIL' }) }) });
  const marked = (await hear({ pii: 'identify' })).results('final');
  expect(marked.map(({ text }) => text)).toEqual([
    'n0 n1 n2 n3 n4 n5 n6 n7 n8 n9',
    'n10 n11 n12 n13 n14 n15 n16 n17 n18 n19',
  ]);
  expect(marked[0]?.marks).toEqual([{ kind: 'pii', type: 'EMAIL', start: 4 * blockSamples, end: 5 * blockSamples }]);
  const redacted = (await hear({ pii: 'redact', piiEntityTypes: ['EMAIL'] })).results('final');
  expect(redacted.map(({ text }) => text)).toEqual([
    'n0 n1 n2 n3 [EMAIL] n5 n6 n7 n8 n9',
    'n10 n11 n12 n13 [EMAIL] n15 n16 n17 n18 n19',
  ]);
  const others = (await hear({ pii: 'redact', piiEntityTypes: ['NAME'] })).results('final');
  expect(others[0]?.text).toContain('n4');
});

test('a partial left open at the end is no substitute for a redacted final', async () => {
  standIn.failNext({ kind: 'end', when: 'end' });
  const recorder = await hear({ pii: 'redact' }, { count: 15 });
  expect(recorder.names.at(-1)).toBe('failed');
  expect(recorder.failures[0]).toMatchObject({ code: 'transcribe-unredacted', kind: 'reopen' });
});

test('what clashes fails the session before the service is asked, with all of it named', async () => {
  const recorder = await hear({
    identification: 'single',
    languageOptions: ['en-US', 'it-IT'],
    pii: 'redact',
    region: 'eu-west-3',
  });
  expect(recorder.names).toEqual(['failed']);
  expect(recorder.failures[0]).toMatchObject({ code: 'transcribe-settings', kind: 'configuration' });
  for (const name of ['recognition.pii', 'recognition.identification', 'recognition.region'])
    expect(recorder.failures[0]?.message).toContain(name);
  expect(standIn.sessions).toHaveLength(0);
});

test.each([
  ['The requested vocabulary couldn’t be found.', 'transcribe-vocabulary'],
  ['The custom language model is not ready.', 'transcribe-language-model'],
])('the service’s refusal of a resource says which one to look at: %s', async (message, code) => {
  standIn.failNext({ kind: 'exception', name: 'BadRequestException', message, when: 'start', http: 400 });
  expect((await hear({})).failures[0]).toMatchObject({ code, kind: 'configuration' });
});
