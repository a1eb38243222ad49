/**
 * Holds engine sessions that speak in real time, for the bench of sessions: `node test/bench/session-load.ts bare|kept COUNT`.
 * `bare`: the AWS SDK as its documentation uses it, and no more. `kept`: as the relay holds them, with all that watches
 * over a session. Says `{"event":"ready"}` once every session has said something.
 */
import { randomUUID } from 'node:crypto';
import {
  type AudioStream,
  StartStreamTranscriptionCommand,
  TranscribeStreamingClient,
} from '@aws-sdk/client-transcribe-streaming';
import { Attempt } from '../../relay/attempt.ts';
import { TranscribeEngine } from '../../relay/engines/transcribe.ts';
import { frameSamples, sampleRate } from '../../relay/protocol.js';
import { SaidWords } from '../../relay/said.ts';
import { createLog } from '../../systemd/log.ts';

const frameMs = (frameSamples * 1000) / sampleRate;
const frame = new Uint8Array(Int16Array.from({ length: frameSamples }, (_, i) => (i % 40 < 20 ? 3000 : -3000)).buffer);
const [kind, given = '100'] = process.argv.slice(2);
const count = Number(given);
const startMs = performance.now();
let spoke = 0;

/** A frame each 100 ms, at absolute deadlines; each session at another moment of it. */
function speak(session: number, write: (audio: Uint8Array) => void): void {
  let frames = 0;
  const offsetMs = (session * frameMs) / count;
  const next = () => {
    write(frame.slice());
    frames++;
    setTimeout(next, Math.max(0, startMs + offsetMs + frames * frameMs - performance.now()));
  };
  setTimeout(next, offsetMs);
}

function heard(): void {
  if (++spoke === count) process.stdout.write('{"event":"ready"}\n');
}

function failed({ message }: { readonly message: string }): void {
  process.stdout.write(`${message}\n`);
  process.exit(1);
}

async function bare(session: number, client: TranscribeStreamingClient): Promise<void> {
  const waiting: Uint8Array[] = [];
  let wake = () => {};
  speak(session, (audio) => {
    waiting.push(audio);
    wake();
  });
  async function* audio(): AsyncGenerator<AudioStream> {
    for (;;) {
      const AudioChunk = waiting.shift();
      if (AudioChunk) yield { AudioEvent: { AudioChunk } };
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  const { TranscriptResultStream = [] } = await client.send(
    new StartStreamTranscriptionCommand({
      ...{ LanguageCode: 'en-US', MediaSampleRateHertz: sampleRate, MediaEncoding: 'pcm', SessionId: randomUUID() },
      ...{ EnablePartialResultsStabilization: true, PartialResultsStability: 'high', AudioStream: audio() },
    }),
  );
  let events = 0;
  for await (const { TranscriptEvent } of TranscriptResultStream) if (TranscriptEvent && events++ === 0) heard();
}

function kept(session: number, engine: TranscribeEngine): void {
  let partials = 0;
  const attempt = new Attempt(
    engine,
    { room: `room-${session}`, language: 'en-US' },
    performance.now(),
    { ready: () => {}, partial: () => partials++ === 0 && heard(), final: () => {}, ended: () => {}, failed },
    null,
    new SaidWords((_stream, position) => (position * 1000) / sampleRate),
  );
  let position = 0;
  speak(session, (audio) => {
    attempt.write('stream', position, audio);
    position += frameSamples;
    if (position % sampleRate === 0) attempt.settle();
  });
}

if (kind === 'bare') {
  const client = new TranscribeStreamingClient({});
  for (let i = 0; i < count; i++) bare(i, client).catch(failed);
} else {
  const engine = new TranscribeEngine({ log: createLog('silent')('transcribe') });
  for (let i = 0; i < count; i++) kept(i, engine);
}
process.once('SIGTERM', () => process.exit(0));
