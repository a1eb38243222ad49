// @ts-check
/**
 * Every word the page says by itself, one table a language: what is so, never whose fault it is. A third language is
 * one more table in `languages`; a test holds them to the same keys.
 */

/** @import { KitNote, RoomState } from '../relay/protocol.js' */

/**
 * `connecting`, `lost`, `no-network`, `refused`, `revoked`, `full`, `unplaced` and `unenrolled` are the page's own.
 * @typedef {RoomState | 'connecting' | 'lost' | 'no-network' | 'refused' | 'revoked' | 'full' | 'unplaced'
 *   | 'unenrolled'} PageState
 * @typedef {'name' | 'unreachable' | 'portal' | 'certificate' | 'clock'} Reason that a kit's own launcher finds
 * @typedef {'none' | 'silent' | 'quiet' | 'good' | 'loud'} Loudness
 * @typedef {'screen' | 'kit' | 'sound' | 'captions'} Link of the chain from the mixer to this screen
 */

/**
 * `{n}` stands for a number.
 * @typedef {Record<'controls' | 'pause' | 'resume' | 'live' | 'unseen' | 'settings' | 'earlier' | 'loading' | 'failed'
 *   | 'retry' | 'begin' | 'cut' | 'uncover' | 'speaker' | 'announced' | 'size' | 'smaller' | 'larger' | 'sizeNow' | 'theme'
 *   | 'contrast' | 'font' | 'spacing' | 'awake' | 'awakeAbsent' | 'awakeRefused' | 'announce' | 'file' | 'fileLoading'
 *   | 'fileSaved' | 'fileFailed' | 'done' | 'past' | 'pastMark' | 'pastRead' | 'pastSave' | 'pastMore' | 'close', string>
 *   & { acts: Record<'clear' | 'pause' | 'resume', string>, themes: Record<'device' | 'dark' | 'light', string>,
 *   contrasts: Record<'normal' | 'high', string>, fonts: Record<'sans' | 'serif', string>,
 *   spacings: Record<'close' | 'normal' | 'wide', string> }} ReaderStrings
 */

/**
 * @typedef {object} Strings
 * @property {string} language of the words themselves, for screen readers
 * @property {string} captions what the captions' region is called
 * @property {string} skipped
 * @property {string} recorded whoever is in the room, or reads along, has a right to know
 * @property {string} readAlong beside a QR code
 * @property {string} scanAgain to someone whose link opens nothing
 * @property {Record<PageState, string>} states for an audience
 * @property {Partial<Record<PageState, string>>} hints what staff can do about a state, before a talk
 * @property {Record<Reason, string>} reasons why a kit's line is lost, and what staff can do about it, before a talk
 * @property {Record<KitNote, string>} kitLacks what the kit at the mixer lacks, for staff, before a talk
 * @property {Record<Loudness, string>} loudness below the level meter; for staff
 * @property {Record<Link, string>} chain
 * @property {ReaderStrings} reader of whoever reads along on a phone or laptop
 * @property {{ yes: string, no: string, unknown: string }} works said of a link of the chain to who does not see its sign
 */

/** @type {Strings} */
const english = {
  language: 'en',
  captions: 'Captions',
  skipped: 'Some words are missing here; they are in the transcript.',
  recorded: 'This room is being recorded',
  readAlong: 'Read along on your phone',
  scanAgain: 'Scan the code on the room’s screen again.',
  states: {
    connecting: 'Connecting…',
    lost: 'Connection lost. Reconnecting…',
    'no-network': 'No network',
    refused: 'This page’s link is no longer valid',
    revoked: 'The relay does not let this screen in',
    full: 'All places for readers are taken. Trying again…',
    unplaced: 'This screen has no room yet',
    unenrolled: 'This screen is not enrolled yet',
    waiting: 'Waiting for the talk',
    listening: 'Listening',
    resting: 'Quiet. Captions return with the next words',
    'no-audio': 'No sound from the mixer',
    offline: 'This room’s kit is not connected',
    delayed: 'Captions are delayed',
    'catching-up': 'Captions are catching up',
    capacity: 'Captions are waiting for a free line',
    paused: 'Captions are paused by the organizers',
    fault: 'Captions are interrupted',
  },
  hints: {
    lost: 'This screen tries again by itself. If it lasts, check the network.',
    'no-network': 'Check this screen’s network cable or Wi-Fi.',
    refused: 'Ask the organizers for a new link.',
    revoked: 'Tell the organizers: they let it in on the admin page, and it goes on by itself.',
    full: 'The relay has as many readers as it is set to take: tell the organizers.',
    unplaced: 'The organizers give it one; it goes on by itself.',
    unenrolled: 'It enrols by itself as soon as it reaches the relay: check its network cable or Wi-Fi.',
    waiting: 'The kit at the mixer has not reported yet: check its power and its network.',
    'no-audio': 'Check that the mixer is on and that its USB cable is plugged into the kit.',
    offline: 'Check the power and the network of the kit at the mixer.',
    delayed: 'Nothing to do: it catches up by itself.',
    'catching-up': 'Nothing to do: no word is lost.',
    capacity: 'If it lasts, tell the organizers.',
    paused: 'They resume on the admin page.',
    fault: 'Tell the organizers: the admin page says why.',
  },
  reasons: {
    name: 'The relay’s name is not found: check this screen’s network.',
    unreachable: 'The relay does not answer. This screen tries again by itself. If it lasts, check the network.',
    portal:
      'Something else answers for the relay. If this network wants a login, ask the venue to let this screen through.',
    certificate: 'The relay cannot prove who it is: tell the organizers.',
    clock: 'This screen’s clock is not set yet. If it lasts, tell the organizers.',
  },
  kitLacks: {
    power: 'The kit at the mixer gets too little power: use the power supply that belongs to it.',
    card: 'The kit at the mixer cannot keep its sound: tell the organizers that its card needs replacing.',
  },
  loudness: {
    none: 'No sound arrives',
    silent: 'Silence. Speak into a microphone; check its mute and the mixer’s USB output',
    quiet: 'Very quiet. Speak into a microphone: if this stays, turn the mixer up',
    good: 'Sound is good',
    loud: 'Too loud: turn the mixer down',
  },
  chain: { screen: 'Screen', kit: 'Kit', sound: 'Sound', captions: 'Captions' },
  works: { yes: 'works', no: 'does not work', unknown: 'not known' },
  reader: {
    controls: 'Reading',
    pause: 'Pause',
    resume: 'Continue',
    live: 'Jump to live',
    unseen: '{n} new',
    settings: 'Settings',
    earlier: 'Earlier captions',
    loading: 'Loading earlier captions…',
    failed: 'Earlier captions could not be loaded.',
    retry: 'Try again',
    begin: 'This is where it begins.',
    cut: 'What was said before is no longer shown.',
    uncover: 'Show what was said before',
    acts: {
      clear: 'The screen was cleared',
      pause: 'Captions were paused by the organizers',
      resume: 'Captions go on',
    },
    speaker: 'Speaker {n}',
    announced: 'New captions, announced',
    size: 'Text size',
    smaller: 'Smaller',
    larger: 'Larger',
    sizeNow: '{n} pixels',
    theme: 'Colours',
    themes: { device: 'As the device', dark: 'Dark', light: 'Light' },
    contrast: 'Contrast',
    contrasts: { normal: 'Normal', high: 'High' },
    font: 'Font',
    fonts: { sans: 'The device’s own', serif: 'Serif' },
    spacing: 'Space between lines',
    spacings: { close: 'Small', normal: 'Normal', wide: 'Wide' },
    awake: 'Keep the screen on',
    awakeAbsent: 'This browser cannot keep the screen on.',
    awakeRefused: 'The device does not allow it now.',
    announce: 'Announce new captions to screen readers',
    file: 'Save the transcript as a file',
    fileLoading: 'Fetching the transcript…',
    fileSaved: 'The transcript is saved.',
    fileFailed: 'The transcript could not be fetched. Try again.',
    done: 'Done',
    past: 'Transcripts of past talks',
    pastMark: 'Made from the recording, after the talk',
    pastRead: 'Read',
    pastSave: 'Save as a file',
    pastMore: 'Show more',
    close: 'Close',
  },
};

/** @type {Strings} */
const italian = {
  language: 'it',
  captions: 'Sottotitoli',
  skipped: 'Qui mancano alcune parole: sono nella trascrizione.',
  recorded: 'Questa sala viene registrata',
  readAlong: 'Leggi sul tuo telefono',
  scanAgain: 'Inquadra di nuovo il codice sullo schermo della sala.',
  states: {
    connecting: 'Connessione in corso…',
    lost: 'Connessione interrotta. Nuovo tentativo…',
    'no-network': 'Nessuna rete',
    refused: 'Il link di questa pagina non è più valido',
    revoked: 'Il relay non ammette questo schermo',
    full: 'Tutti i posti per i lettori sono occupati. Nuovo tentativo…',
    unplaced: 'A questo schermo non è ancora assegnata una sala',
    unenrolled: 'Questo schermo non è ancora registrato',
    waiting: 'In attesa dell’intervento',
    listening: 'In ascolto',
    resting: 'Silenzio. I sottotitoli riprendono alle prime parole',
    'no-audio': 'Nessun suono dal mixer',
    offline: 'Il kit di questa sala non è collegato',
    delayed: 'Sottotitoli in ritardo',
    'catching-up': 'I sottotitoli stanno recuperando',
    capacity: 'Sottotitoli in attesa di una linea libera',
    paused: 'Sottotitoli sospesi dagli organizzatori',
    fault: 'Sottotitoli interrotti',
  },
  hints: {
    lost: 'Lo schermo riprova da solo. Se non basta, controllare la rete.',
    'no-network': 'Controllare il cavo di rete o il Wi-Fi di questo schermo.',
    refused: 'Chiedere agli organizzatori un nuovo link.',
    revoked: 'Avvisare gli organizzatori: lo ammettono dalla pagina di amministrazione, poi tutto parte da solo.',
    full: 'Il relay ha tutti i lettori che può accogliere: avvisare gli organizzatori.',
    unplaced: 'La assegnano gli organizzatori; poi tutto parte da solo.',
    unenrolled: 'Si registra da solo appena raggiunge il relay: controllare il suo cavo di rete o il Wi-Fi.',
    waiting: 'Il kit al mixer non si è ancora fatto sentire: controllare alimentazione e rete.',
    'no-audio': 'Controllare che il mixer sia acceso e il suo cavo USB inserito nel kit.',
    offline: 'Controllare l’alimentazione e la rete del kit al mixer.',
    delayed: 'Non serve fare nulla: recuperano da soli.',
    'catching-up': 'Non serve fare nulla: nessuna parola va persa.',
    capacity: 'Se dura, avvisare gli organizzatori.',
    paused: 'Riprendono dalla pagina di amministrazione.',
    fault: 'Avvisare gli organizzatori: la pagina di amministrazione dice perché.',
  },
  reasons: {
    name: 'Il nome del relay non si trova: controllare la rete di questo schermo.',
    unreachable: 'Il relay non risponde. Lo schermo riprova da solo. Se non basta, controllare la rete.',
    portal:
      'Al posto del relay risponde altro. Se la rete chiede un accesso, chiedere alla sede di far passare questo schermo.',
    certificate: 'Il relay non può dimostrare chi è: avvisare gli organizzatori.',
    clock: 'L’orologio di questo schermo non è ancora regolato. Se dura, avvisare gli organizzatori.',
  },
  kitLacks: {
    power: 'Il kit al mixer riceve poca corrente: usare il suo alimentatore.',
    card: 'Il kit al mixer non riesce a conservare il suono: avvisare gli organizzatori che la sua scheda va sostituita.',
  },
  loudness: {
    none: 'Non arriva alcun suono',
    silent: 'Silenzio. Parlare in un microfono; controllare il muto e l’uscita USB del mixer',
    quiet: 'Molto basso. Parlare in un microfono: se resta così, alzare il volume del mixer',
    good: 'Il suono è buono',
    loud: 'Troppo forte: abbassare il volume del mixer',
  },
  chain: { screen: 'Schermo', kit: 'Kit', sound: 'Suono', captions: 'Sottotitoli' },
  works: { yes: 'funziona', no: 'non funziona', unknown: 'non si sa' },
  reader: {
    controls: 'Lettura',
    pause: 'Pausa',
    resume: 'Continua',
    live: 'Alla diretta',
    unseen: 'nuovi: {n}',
    settings: 'Opzioni',
    earlier: 'Sottotitoli precedenti',
    loading: 'Caricamento dei sottotitoli precedenti…',
    failed: 'Non è stato possibile caricare i sottotitoli precedenti.',
    retry: 'Riprova',
    begin: 'I sottotitoli cominciano qui.',
    cut: 'Quanto detto prima non è più mostrato.',
    uncover: 'Mostra quanto detto prima',
    acts: {
      clear: 'Lo schermo è stato svuotato',
      pause: 'Sottotitoli sospesi dagli organizzatori',
      resume: 'I sottotitoli riprendono',
    },
    speaker: 'Voce {n}',
    announced: 'Nuovi sottotitoli, annunciati',
    size: 'Dimensione del testo',
    smaller: 'Più piccolo',
    larger: 'Più grande',
    sizeNow: '{n} pixel',
    theme: 'Colori',
    themes: { device: 'Come il dispositivo', dark: 'Scuri', light: 'Chiari' },
    contrast: 'Contrasto',
    contrasts: { normal: 'Normale', high: 'Alto' },
    font: 'Carattere',
    fonts: { sans: 'Quello del dispositivo', serif: 'Con grazie' },
    spacing: 'Spazio tra le righe',
    spacings: { close: 'Piccolo', normal: 'Normale', wide: 'Ampio' },
    awake: 'Tieni acceso lo schermo',
    awakeAbsent: 'Questo browser non può tenere acceso lo schermo.',
    awakeRefused: 'Il dispositivo ora non lo permette.',
    announce: 'Annuncia i nuovi sottotitoli ai lettori di schermo',
    file: 'Salva la trascrizione in un file',
    fileLoading: 'Scaricamento della trascrizione…',
    fileSaved: 'La trascrizione è salvata.',
    fileFailed: 'Non è stato possibile scaricare la trascrizione. Riprova.',
    done: 'Fatto',
    past: 'Trascrizioni degli interventi passati',
    pastMark: 'Fatta dalla registrazione, dopo l’intervento',
    pastRead: 'Leggi',
    pastSave: 'Salva in un file',
    pastMore: 'Mostra altro',
    close: 'Chiudi',
  },
};

/** @type {readonly Strings[]} */
export const languages = Object.freeze([english, italian]);

/** The first of the reader's languages that the page speaks, else English. @param {readonly string[]} wanted BCP 47 */
export function stringsFor(wanted) {
  const primary = wanted.map((each) => each.toLowerCase().split('-')[0]);
  return primary.map((each) => languages.find(({ language }) => language === each)).find(Boolean) ?? english;
}
