/** One run of the chain over a made talk, in a process of its own: `chain-run.ts MINUTES`. Tells its times and memory. */
import { canonicalOf } from '../../relay/canonical/chain/chain.ts';
import { VoiceMapper } from '../../relay/canonical/chain/voice-map.ts';
import type { EngineResult, LiveTranscript } from '../../relay/canonical/contract.ts';
import { aLiveCaption, aManifest, aResult, aSegment } from '../harness/chain-input.ts';
import { seeded } from '../harness/random.ts';

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

/** A person speaks 150 words a minute in sentences of about 15, who changes every half minute. */
function talk() {
  const segments: EngineResult['segments'] = [];
  const captions: LiveTranscript['captions'] = [];
  const turns: NonNullable<EngineResult['turns']> = [];
  for (let at = 0; at < durationMs - 10_000; ) {
    const count = 5 + Math.floor(random() * 20);
    const said = Array.from({ length: count }, () => words[Math.floor(random() * words.length)] ?? '');
    const segment = aSegment(`${said.join(' ')}.`, at, { wordMs: 380, conf: 0.8 });
    segments.push(segment);
    const heard = said.map((word) => (random() < 0.15 ? `mis${word}` : word)).join(' ');
    captions.push(aLiveCaption(heard, at, segment.end_ms, { seq: captions.length + 1 }));
    turns.push({ speaker: `SPEAKER_0${Math.floor(at / 30_000) % 3}`, start_ms: at, end_ms: segment.end_ms });
    at = segment.end_ms + 400;
  }
  return { segments, captions, turns };
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

const rssMiB = () => process.resourceUsage().maxRSS / 1024;
const now = () => performance.now();
const before = rssMiB();
let begun = now();
const map = voice();
const voiceMs = now() - begun;
const voiceMiB = rssMiB() - before;
const { segments, captions, turns } = talk();
const input = {
  manifest: aManifest({
    ...{ duration_ms: durationMs, redact: true, vocabulary, speakers: ['Ada Lovelace'] },
    text_rules: { replacements, blocked: [] },
  }),
  live: { schema: 'sala.live.v1' as const, log: 'log', revision: captions.length, captions },
  result: aResult(segments, { duration_ms: durationMs, turns }),
};
const given = rssMiB();
begun = now();
const { transcript, report, vtt, srt } = canonicalOf({
  ...{ ...input, voice: map, manifestSha256: 'a'.repeat(64), paramsHash: 'a'.repeat(64), now, durationsMs: {} },
});
const bytes = JSON.stringify(transcript).length + JSON.stringify(report).length + vtt.length + srt.length;
const steps = transcript.stats.steps;
process.stdout.write(
  `${JSON.stringify({ voiceMs, voiceMiB, chainMs: now() - begun, chainMiB: rssMiB() - given, peakMiB: rssMiB(), words: report.words, bytes, steps })}\n`,
);
