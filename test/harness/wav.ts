import { readFileSync } from 'node:fs';

/** The samples of a WAV file whose `data` chunk runs to its end: the bundled speech, 16 kHz mono s16. */
export function wavAudio(path: string | URL): Buffer {
  const bytes = readFileSync(path);
  return bytes.subarray(bytes.indexOf('data', 12, 'latin1') + 8);
}

/** The bundled minute of speech, and what it says. */
export const welcome = {
  audio: () => wavAudio(new URL('../../provisioning/speech/welcome.wav', import.meta.url)),
  text: () => readFileSync(new URL('../../provisioning/speech/welcome.txt', import.meta.url), 'utf8'),
};
