import type { Piece } from './pieces.ts';
import type { Token } from './tokens.ts';

/** What a word says of the number beside it. `other` is what makes a number nobody's. */
export type Cue = 'phone' | 'call' | 'card' | 'iban' | 'id' | 'mail' | 'ip' | 'mac' | 'version' | 'other';

/**
 * Beginnings of words of five languages (small letters, no accents) that tell what a number is. All languages at once: rooms
 * mix them. Anchored, so that each costs no more than the length of a word.
 */
const cueWords: ReadonlyArray<readonly [Cue, RegExp]> = [
  [
    'phone',
    /^(?:tele?(?:f|ph)on|phones?$|mobil(?:e|es|telefon|nummer|funk\w*)?$|handy|cell(?:phone|ulare?s?)?$|celular|movil$|fijo$|landline|portable$|festnetz|rufnummer|durchwahl|whatsapp|tel$|fax|hotline|centralino|sms$|tfno|tlf|recapito)/,
  ],
  [
    'call',
    /^(?:call|calls|calling|ring|dial|dialling|dialing|text|chiam(?:a|o|i|ate|are|ami|arci|armi|ateci|atemi|arlo|arla)$|anruf|ruf(?:e|en|t)?$|appel(?:e|er|ez|le|lez|ler)?$|joindre|joignable|llam|contact|contatt|kontakt|erreich|raggiung|reach(?:able|ed)?$|marqu|marc(?:a|ar|ad|que|quen)$|wahl(?:e|en|t)?$|compos(?:er|ez|e)$|numero[:]?verde)/,
  ],
  [
    'card',
    /^(?:cards?|carta|carte|karten?|kreditkarte\w*|kartennummer|tarjeta|visa|mastercard|maestro|amex|bancomat|postepay|credito|credit|kredit)$/,
  ],
  ['iban', /^(?:iban|konto\w*|bankverbindung|bonifico|uberweis\w*|virement|transferencia|bic|conto|compte|cuenta)$/],
  [
    'id',
    /^(?:ssn|nino|nhs|dni|nie|nif|nir|ahv|avs|svnr|insee|idnr|steuer\w*|identifikationsnummer|sozialversicherung\w*|rentenversicherung\w*|versicherungsnummer|versichertennummer|social|insurance|fiscale?|iva|secu|securite|seguridad|taxpayer|tax|cf)$/,
  ],
  [
    'mail',
    /^(?:e?mail|mails|emails|mailen|courriel|correo|posta|indirizzo|address|adresse|direccion|mailadresse|write|writes|scriv\w*|schreib\w*|ecri\w*|escrib\w*|mejl|mandat\w*|mande\w*|send|sende|schick\w*|envoy\w*)$/,
  ],
  ['mac', /^(?:mac|bssid|ethernet|hardwareadresse|wlan)$/],
  [
    'ip',
    /^(?:ip|ips|ipv4|ipv6|server|servers|serveur|servidor|host|hosts|gateway|router|routeur|dns|subnet|sottorete|ping|ssh|firewall|proxy|netz|rete|netzwerk|reseau|red|client|rechner|loopback)$/,
  ],
  [
    'version',
    /^(?:v|ver|version\w*|versione|versioni|release|releases|rilascio|build|firmware|kernel|update|aggiornamento|chapter|section|capitolo|capitulo|sezione|kapitel|abschnitt|chapitre|seccion|apartado|paragraph|paragrafo|articolo|artikel\w*|article|articulo|clause|driver|treiber|oid|patch|upgrade|chrome|chromium|firefox|node|python)$/,
  ],
  [
    'other',
    /^(?:orders?|ordine|ordini|bestell\w*|auftrag\w*|commandes?|pedidos?|tickets?|invoices?|fattur[ae]|rechnung\w*|factur[ae]s?|tracking|sendung\w*|paket\w*|spedizion[ei]|envio|colis|parcel|shipment|suivi|seguimiento|paquete|pacco|talks?|sessions?|sessione|sitzung\w*|sesion|vortrag\w*|intervento|charla|commits?|serial|serie\w*|seri\w*nummer|modell?[oe]?|isbn|issn|doi|ean|barcode|codice[:]?a[:]?barre|strichcode|sku|imei|parts?|rooms?|sala|raum|salle|zimmer\w*|aula|pages?|pagina|seiten?|issue|bug|pull|rfc|ports?|porta|puerto|timestamps?|offset|pid|process|riferimento|referen\w*|referenz\w*|booking|ausweis|tessera|carnet|matricola|meeting|riunione|besprechung|kennung|reunion|prenotazione|buchung\w*|reservation|reserva|pratica|vorgang\w*|aktenzeichen|dossier|expediente|kunden\w*|customer|cliente|meter|zahler\w*|licen[cs]e|lizenz\w*|licenza|licencia|checksum|hash|revision|row|record|zeile|ligne|riga|fila|inventar\w*|inventory|badge|dataset|sensor\w*|capteurs?|sonde|sonda|lottery|lotto|loteria|loto|samples?|score|tweet|protocollo|vertrag\w*|contract|contratto|contrato|contrat|policy|polizza|grant|patent\w*|brevetto|brevet|case)$/,
  ],
];

/** What is counted cannot be dialled: the word right behind a number, or the sign beside it. */
const unit =
  /^(?:times|euros?|dollars?|pounds?|pesos?|francs?|franchi|franken|people|persone|personen|personnes|personas|users?|utenti|nutzer|utilisateurs|usuarios|rows|records|requests|lines|bytes|bits|kilobytes|megabytes|gigabytes|bit|byte|volte|mal|fois|veces|millionen|milioni|millions?|millones|miliardi|milliarden|downloads?|parameters?|parametri|parameter|parametres|parametros|righe|zeilen|lignes|filas|zeile|richieste|anfragen|requetes|peticiones|tokens?|metri|meter|metres|metros|kilometer|chilometri|hertz|seconds?|secondi|sekunden|secondes|segundos|milliseconds|steps|samples|points|punti|punkte|stuck|pezzi|pieces|piezas|views|visits|visite|besucher|einwohner|abitanti|habitants|habitantes|inhabitants|percent|percento|prozent|zuschauer|teilnehmer|zeichen|caratteri|characters|iterations|cycles|documents|documenti|dokumente|datensatze|datasets?|images|immagini|bilder|stars|commits|cells|zellen|jahre|anni|years|ans|anos)$/;
const number = /^(?:numbers?|numero|nummer|nr|num)$/;
const own =
  /^(?:my|your|his|her|our|their|mio|tuo|suo|nostro|vostro|loro|meine[rn]?|deine[rn]?|seine[rn]?|ihre[rn]?|unsere[rn]?|eure|mon|ton|son|notre|votre|leur|mi|tu|su|nuestro|vuestro)$/;

const maxWordsBefore = 10;
const maxWordsAfter = 5;
/** Numbers in a row are passed over: the second of two has the cue of the first. */
const maxTokens = 80;

/** What is said beside the numbers of a text. */
export class Context {
  readonly #tokens: readonly Token[];
  readonly #cues: Array<Cue | null>;
  readonly #isNumber: Uint8Array;

  constructor(tokens: readonly Token[], pieces: readonly Piece[]) {
    this.#tokens = tokens;
    this.#isNumber = new Uint8Array(tokens.length);
    for (const { isDigits, first, last } of pieces) if (isDigits) this.#isNumber.fill(1, first, last + 1);
    this.#cues = tokens.map((token, at) => (token.kind === 'word' ? this.#cueAt(token, at) : null));
  }

  /** The nearest cue of those that count: before the tokens, else right behind them (`… is my number`). */
  near(first: number, last: number, counting: ReadonlySet<Cue>): Cue | null {
    const before = this.#scan(first, -1, maxWordsBefore, counting);
    if (before !== null) return before;
    const behind = this.#scan(last, 1, maxWordsAfter, counting);
    return behind === 'other' || behind === 'version' ? null : behind;
  }

  /** It counts something, or is money. */
  isAmount(first: number, last: number): boolean {
    const isMoney = (at: number) => /^[€$£¥%]$/.test(this.#tokens[at]?.text ?? '');
    const behind = this.#tokens[last + 1]?.kind === 'space' ? last + 2 : last + 1;
    const before = this.#tokens[first - 1]?.kind === 'space' ? first - 2 : first - 1;
    return isMoney(behind) || isMoney(before) || unit.test(this.#tokens[behind]?.text ?? '');
  }

  #scan(from: number, step: 1 | -1, maxWords: number, counting: ReadonlySet<Cue>): Cue | null {
    let words = 0;
    for (let at = from + step, seen = 0; seen < maxTokens && words < maxWords; at += step, seen += 1) {
      const token = this.#tokens[at];
      if (token === undefined) return null;
      if (token.kind !== 'word' || this.#isNumber[at] === 1) continue;
      words += 1;
      const cue = this.#cues[at];
      if (cue != null && counting.has(cue)) return cue;
    }
    return null;
  }

  #cueAt(token: Token, at: number): Cue | null {
    if (this.#isNumber[at] === 1) return null;
    // What redaction itself has put there says nothing of what follows.
    if (this.#tokens[at - 1]?.text === '[' && this.#tokens[at + 1]?.text === ']') return null;
    if (number.test(token.text)) return this.#isOwn(at) ? 'call' : null;
    for (const cue of cueWords) if (cue[1].test(token.text)) return cue[0];
    return null;
  }

  /** `my number`, `il mio numero`: that of a telephone. */
  #isOwn(at: number): boolean {
    for (let index = at - 1; index >= Math.max(at - 3, 0); index -= 1) {
      if (own.test(this.#tokens[index]?.text ?? '')) return true;
    }
    return false;
  }
}
