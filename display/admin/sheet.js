// @ts-check
/** Pages to print and hang up: a QR code for a room's readers, one for its stand-in microphone. */
import { make } from '../make.js';
import { code } from './secret.js';
import { momentIn } from './times.js';

/** In the languages that organizers can choose for a sheet. */
export const sheetWords = {
  en: {
    readers: 'Read along on your phone',
    readersHow: 'Scan the code with the camera: live captions of this room.',
    microphone: 'Stand-in microphone',
    microphoneHow:
      'For staff only. If this room has no captions because its kit is out of order, scan the code and put the phone in front of the speaker.',
    until: 'Valid until',
  },
  it: {
    readers: 'Leggi sul telefono',
    readersHow: 'Inquadra il codice con la fotocamera: sottotitoli in diretta di questa sala.',
    microphone: 'Microfono di riserva',
    microphoneHow:
      'Solo per il personale. Se la sala è senza sottotitoli perché il suo kit è guasto, inquadra il codice e metti il telefono davanti a chi parla.',
    until: 'Valido fino a',
  },
};

/**
 * @typedef {object} SheetPage
 * @property {'readers' | 'microphone'} kind
 * @property {string} address what the code opens, with its token
 * @property {number | null} until when it stops being valid, ms since 1970; null: when it is revoked
 */

/**
 * @param {string} name of the room, written large
 * @param {keyof typeof sheetWords} language
 * @param {SheetPage[]} pages
 */
export function sheet(name, language, pages) {
  const words = sheetWords[language];
  return make(
    'div',
    { class: 'sheet', lang: language },
    ...pages.map(({ kind, address, until }) =>
      make(
        'section',
        { 'aria-label': `${words[kind]}: ${name}`, 'data-kind': kind },
        make('p', { class: 'room-name', dir: 'auto' }, name),
        make('p', { class: 'purpose' }, words[kind]),
        code(address, `QR code: ${words[kind]}, ${name}`),
        make('p', { class: 'how' }, words[`${kind}How`]),
        // Without its token an address that needs one opens nothing.
        ...(address.includes('#') ? [] : [make('p', { class: 'address' }, address.replace(/^https?:\/\//, ''))]),
        ...(until === null
          ? []
          : [
              make(
                'p',
                { class: 'until' },
                `${words.until} ${momentIn(until, language === 'en' ? 'en-GB' : language)}`,
              ),
            ]),
      ),
    ),
  );
}
