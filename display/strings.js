// @ts-check
/** Every word the page says by itself, for an audience: what is so, never whose fault it is. */

/**
 * @typedef {object} Strings
 * @property {string} language of the words themselves, for screen readers
 * @property {string} captions what the captions' region is called
 * @property {string} skipped
 * @property {Record<string, string>} states by the relay's room state or the page's own
 */

/** States that ask a person to do something: their message is shown below them before a talk. */
export const troubles = Object.freeze(['no-audio', 'offline', 'delayed', 'capacity', 'fault']);

/** @type {Strings} */
const english = {
  language: 'en',
  captions: 'Captions',
  skipped: 'Some words are missing here; they are in the transcript.',
  states: {
    // The page's own.
    connecting: 'Connecting…',
    lost: 'Connection lost. Reconnecting…',
    refused: 'This page’s link is no longer valid',
    unplaced: 'This screen has no room yet',
    // The room's.
    waiting: 'Captions will appear here',
    listening: 'Listening',
    resting: 'Quiet. Captions return with the next words',
    'no-audio': 'No sound from this room',
    offline: 'This room is not connected',
    delayed: 'Captions are late',
    capacity: 'Captions are waiting for a free line',
    paused: 'Captions are paused',
    fault: 'Captions are interrupted',
  },
};

/** @type {Strings} */
const italian = {
  language: 'it',
  captions: 'Sottotitoli',
  skipped: 'Qui mancano alcune parole: sono nella trascrizione.',
  states: {
    connecting: 'Connessione in corso…',
    lost: 'Connessione interrotta. Nuovo tentativo…',
    refused: 'Il link di questa pagina non è più valido',
    unplaced: 'A questo schermo non è ancora assegnata una sala',
    waiting: 'I sottotitoli appariranno qui',
    listening: 'In ascolto',
    resting: 'Silenzio. I sottotitoli riprendono alle prime parole',
    'no-audio': 'Nessun suono da questa sala',
    offline: 'Questa sala non è collegata',
    delayed: 'Sottotitoli in ritardo',
    capacity: 'Sottotitoli in attesa di una linea libera',
    paused: 'Sottotitoli in pausa',
    fault: 'Sottotitoli interrotti',
  },
};

/** The first of the reader's languages that the page speaks, else English. @param {readonly string[]} languages */
export function stringsFor(languages) {
  const known = [english, italian];
  const wanted = languages.map((each) => each.toLowerCase().split('-')[0]);
  return wanted.map((each) => known.find(({ language }) => language === each)).find(Boolean) ?? english;
}
