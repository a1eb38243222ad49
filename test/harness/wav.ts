import { writeFileSync } from 'node:fs';

export interface WavLayout {
  readonly rateHz?: number;
  readonly channels?: number;
  readonly bits?: 8 | 16 | 24 | 32;
  readonly float?: boolean;
}

/** A WAV file's bytes around raw sample data. */
export function wavBytes(data: Uint8Array, { rateHz = 16000, channels = 1, bits = 16, float = false }: WavLayout = {}) {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + data.length, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(float ? 3 : 1, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rateHz, 24);
  head.writeUInt32LE((rateHz * channels * bits) / 8, 28);
  head.writeUInt16LE((channels * bits) / 8, 32);
  head.writeUInt16LE(bits, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

/** Writes interleaved 16-bit samples as a WAV file. */
export function writeWav(path: string, samples: Int16Array, layout: WavLayout = {}): void {
  writeFileSync(path, wavBytes(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength), layout));
}
