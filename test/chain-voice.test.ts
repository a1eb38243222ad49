import { expect, test } from 'vitest';
import { VoiceMapper, type VoiceOptions } from '../relay/canonical/chain/voice-map.ts';
import { seeded } from './harness/random.ts';

type Level = (sample: number, random: () => number) => number;

/** A voice-like sound: a hoarse tone of 200 Hz that comes and goes four times a second. */
const voice =
  (amplitude: number): Level =>
  (sample, random) =>
    amplitude *
    Math.abs(Math.sin((2 * Math.PI * 2 * sample) / 16_000)) *
    (0.7 * Math.sin((2 * Math.PI * 200 * sample) / 16_000) + 0.3 * (random() * 2 - 1));
const noise =
  (amplitude: number): Level =>
  (_, random) =>
    amplitude * (random() * 2 - 1);
const nothing: Level = () => 0;

/** @param pieces seconds of each sound */
function pcm(pieces: readonly (readonly [seconds: number, Level])[], channels: 1 | 2 = 1, only = 0): Uint8Array {
  const random = seeded(1);
  const total = pieces.reduce((sum, [seconds]) => sum + seconds * 16_000, 0);
  const out = new Int16Array(total * channels);
  let at = 0;
  for (const [seconds, level] of pieces)
    for (let i = 0; i < seconds * 16_000; i++) {
      const sample = Math.round(level(i, random));
      for (let channel = 0; channel < channels; channel++) out[at * channels + channel] = channel === only ? sample : 0;
      at++;
    }
  return new Uint8Array(out.buffer);
}

function mapOf(audio: Uint8Array, options: Partial<VoiceOptions> = {}, channels: 1 | 2 = 1, piece = 65_536) {
  const mapper = new VoiceMapper(channels, options);
  for (let at = 0; at < audio.length; at += piece) mapper.push(audio.subarray(at, at + piece));
  return mapper.end();
}

const unpadded = { speech_pad_ms: 0 };
const near = (ms: number) => expect.closeTo(ms, -2); // within 50 ms

test('speech is found where it is, with what is put around it', () => {
  const audio = pcm([
    [5, noise(20)],
    [4, voice(4000)],
    [5, noise(20)],
    [3, voice(4000)],
    [5, noise(20)],
  ]);
  expect(mapOf(audio, unpadded).speech).toEqual([
    { start_ms: near(5000), end_ms: near(9000) },
    { start_ms: near(14_000), end_ms: near(17_000) },
  ]);
  const padded = mapOf(audio);
  expect(padded.speech[0]).toEqual({ start_ms: near(4600), end_ms: near(9400) });
  expect(padded.duration_ms).toBe(22_000);
  expect(padded.speech_ms).toBe(padded.speech.reduce((sum, { start_ms, end_ms }) => sum + end_ms - start_ms, 0));
});

test('a pause that is shorter than asked for ends nothing', () => {
  const audio = pcm([
    [2, noise(20)],
    [2, voice(4000)],
    [1, noise(20)],
    [2, voice(4000)],
    [3, noise(20)],
  ]);
  expect(mapOf(audio, unpadded).speech).toHaveLength(1);
  expect(mapOf(audio, { ...unpadded, min_silence_duration_ms: 500 }).speech).toHaveLength(2);
});

test('what is put around speech is never put beyond the audio, and joins what it makes touch', () => {
  const audio = pcm([
    [0.2, noise(20)],
    [1, voice(4000)],
    [3, noise(20)],
    [1, voice(4000)],
  ]);
  expect(mapOf(audio, { speech_pad_ms: 1600 }).speech).toEqual([{ start_ms: 0, end_ms: 5200 }]);
});

test('speech that the audio outlasts by less than a pause ends where it ends', () => {
  const audio = pcm([
    [2, noise(20)],
    [2, voice(4000)],
    [1, noise(20)],
  ]);
  expect(mapOf(audio, unpadded).speech).toEqual([{ start_ms: near(2000), end_ms: near(4000) }]);
});

test('a click is no speech', () => {
  const audio = pcm([
    [3, noise(20)],
    [0.1, noise(12_000)],
    [3, noise(20)],
  ]);
  expect(mapOf(audio).speech).toEqual([]);
});

test('silence, holes and a quiet room hold no speech', () => {
  expect(mapOf(pcm([[10, nothing]]))).toEqual({ speech: [], speech_ms: 0, duration_ms: 10_000 });
  expect(
    mapOf(
      pcm([
        [5, nothing],
        [5, noise(40)],
        [5, nothing],
      ]),
    ).speech,
  ).toEqual([]);
  expect(mapOf(new Uint8Array(0))).toEqual({ speech: [], speech_ms: 0, duration_ms: 0 });
});

test('in a loud room speech has to stand out of the noise, and a steady hum is none', () => {
  const audio = pcm([
    [5, noise(400)],
    [3, voice(9000)],
    [5, noise(400)],
  ]);
  expect(mapOf(audio, unpadded).speech).toEqual([{ start_ms: near(5000), end_ms: near(8000) }]);
  const hum: Level = (sample) => 3000 + 2000 * Math.sin((2 * Math.PI * 25 * sample) / 16_000);
  expect(mapOf(pcm([[10, hum]]), unpadded).speech_ms).toBeLessThan(500);
});

test('a hole does not make the room after it seem loud', () => {
  const room: [number, Level] = [4, noise(300)];
  expect(mapOf(pcm([room, [5, nothing], room])).speech).toEqual([]);
});

test('a lower threshold hears quieter voices', () => {
  const audio = pcm([
    [4, noise(60)],
    [3, voice(150)],
    [4, noise(60)],
  ]);
  expect(mapOf(audio).speech_ms).toBeLessThan(1000);
  expect(mapOf(audio, { threshold: 0.2 }).speech_ms).toBeGreaterThan(2500);
});

test('a voice in either channel is a voice', () => {
  const pieces = [
    [3, nothing],
    [3, voice(4000)],
    [3, nothing],
  ] as const;
  for (const only of [0, 1])
    expect(mapOf(pcm(pieces, 2, only), unpadded, 2).speech).toEqual([{ start_ms: near(3000), end_ms: near(6000) }]);
});

test('however the audio is cut, the map is the same', () => {
  const audio = pcm(
    [
      [1, noise(20)],
      [1.5, voice(4000)],
      [2.5, noise(20)],
      [1.03, voice(4000)],
    ],
    2,
  );
  const whole = mapOf(audio, {}, 2);
  expect(whole.speech).toHaveLength(2);
  for (const piece of [1, 7, 959, 4096]) expect(mapOf(audio, {}, 2, piece)).toEqual(whole);
});
