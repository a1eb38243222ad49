import { readFileSync } from 'node:fs';

const folder = new URL('../../provisioning/speech/', import.meta.url);

/** The bundled minute of speech, s16le mono 16 kHz, and what it says. */
export const welcome = {
  audio(): Buffer {
    const bytes = readFileSync(new URL('welcome.wav', folder));
    return bytes.subarray(bytes.indexOf('data', 12, 'latin1') + 8);
  },
  text: (): string => readFileSync(new URL('welcome.txt', folder), 'utf8'),
  /** Its first sentences, cut in the pause behind them: half of it, or two thirds. */
  first(sentences: 6 | 8): { audio: Buffer; text: string } {
    const seconds = { 6: 30.5, 8: 40 }[sentences];
    return {
      audio: welcome.audio().subarray(0, seconds * 32_000),
      text: welcome.text().split('\n').slice(0, sentences).join('\n'),
    };
  },
};
