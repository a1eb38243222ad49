/**
 * One run of the chain over a made talk, in a process of its own: `chain-run.ts MINUTES`. As in a job the engine's result is read
 * from its file, and what is published comes of it. Tells its times and memory.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalOf } from '../../relay/canonical/chain/chain.ts';
import { VoiceMapper } from '../../relay/canonical/chain/voice-map.ts';
import { type EngineResult, liveTranscript } from '../../relay/canonical/contract.ts';
import { readResult } from '../../relay/canonical/result-file.ts';
import { aLiveCaption, aManifest, aResult, aSegment } from '../harness/chain-input.ts';
import { engineFile } from '../harness/engine-file.ts';
import { temporaryFolder } from '../harness/programs.ts';
import { seeded } from '../harness/random.ts';
import { peakMiB } from './usage.ts';

const minutes = Number(process.argv[2]);
const durationMs = minutes * 60_000;
const random = seeded(7);
const vocabulary = Array.from({ length: 200 }, (_, i) => `Term${i} of-Art`);
const replacements = Array.from({ length: 100 }, (_, i) => ({
  ...{ find: `misheard ${i}`, replace: `Name ${i}`, regex: false, case: 'found' as const, language: null },
}));
const words =
  'so today we look at how the rivers of this country were measured and why nobody has ever found their length because it depends on the ruler that you take for it misheard term and my number is four two four two open source'.split(
    ' ',
  );

const folder = temporaryFolder();
const [resultFile, liveFile] = [join(folder.path, 'result.json'), join(folder.path, 'live.json')];
const turns: NonNullable<EngineResult['turns']> = [];

/** A person speaks 150 words a minute in sentences of about 15, who changes every half minute. */
function* talk(): Generator<EngineResult['segments'][number], void> {
  for (let at = 0; at < durationMs - 10_000; ) {
    const count = 5 + Math.floor(random() * 20);
    const said = Array.from({ length: count }, () => words[Math.floor(random() * words.length)] ?? '');
    const segment = aSegment(`${said.join(' ')}.`, at, { wordMs: 380, conf: 0.8 });
    yield segment;
    const heard = said.map((word) => (random() < 0.15 ? `mis${word}` : word)).join(' ');
    const caption = aLiveCaption(heard, at, segment.end_ms, { seq: turns.length + 1 });
    appendFileSync(liveFile, `${turns.length > 0 ? ',' : ''}${JSON.stringify(caption)}`);
    turns.push({ speaker: `SPEAKER_0${Math.floor(at / 30_000) % 3}`, start_ms: at, end_ms: segment.end_ms });
    at = segment.end_ms + 400;
  }
}

/** As loud as speech half of the time; pieces of a second, as a decoder gives them. */
function voice() {
  const mapper = new VoiceMapper(1);
  const loud = Int16Array.from({ length: 16_000 }, () => (random() - 0.5) * 8000);
  const quiet = Int16Array.from({ length: 16_000 }, () => (random() - 0.5) * 60);
  for (let second = 0; second < minutes * 60; second++)
    mapper.push(new Uint8Array((second % 20 < 10 ? loud : quiet).buffer));
  return mapper.end();
}

const now = () => performance.now();
const before = peakMiB();
let begun = now();
const map = voice();
const voiceMs = now() - begun;
const voiceMiB = peakMiB() - before;
appendFileSync(liveFile, '{"schema":"sala.live.v1","log":"log","revision":0,"captions":[');
const { engine, dropped } = aResult([]);
for (const text of engineFile(talk(), () => ({ engine, duration_ms: durationMs, dropped, turns })))
  appendFileSync(resultFile, text);
appendFileSync(liveFile, ']}');
turns.length = 0;
const manifest = aManifest({
  ...{ duration_ms: durationMs, redact: true, vocabulary, speakers: ['Ada Lovelace'] },
  text_rules: { replacements, blocked: [] },
});
begun = now();
const { transcript, report, vtt, srt } = canonicalOf({
  ...{ manifest, voice: map, manifestSha256: 'a'.repeat(64), paramsHash: 'a'.repeat(64), now, durationsMs: {} },
  live: liveTranscript.parse(JSON.parse(readFileSync(liveFile, 'utf8'))),
  result: await readResult(resultFile),
});
const chainMs = now() - begun;
folder.remove();
const publishedMiB = (transcript.length + vtt.length + srt.length) / 1024 / 1024;
const { words: said, steps } = report;
process.stdout.write(
  `${JSON.stringify({ voiceMs, voiceMiB, chainMs, peakMiB: peakMiB(), words: said, publishedMiB, steps })}\n`,
);
