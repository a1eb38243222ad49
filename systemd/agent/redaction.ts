import { isIPv6 } from 'node:net';

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** How a text looks where programs write it down: as it is, in JSON, in an address, in base64. */
function formsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const bytes = Buffer.from(secret);
  const forms = [secret, json, encodeURIComponent(secret)];
  // Short ones in these forms are everywhere by chance.
  if (bytes.length >= 6)
    forms.push(bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex'));
  return forms;
}

/** What looks like a secret or like a person's or a venue's own, whatever it belongs to. The order counts. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*(?:PRIVATE KEY|CERTIFICATE)[A-Z ]*-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g, '[key]'],
  [/\b(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\S+|sk-ssh-\S+) [A-Za-z0-9+/=]{20,}[^\n"]*/g, '[ssh key]'],
  [/\b(?:pub|sub|adm|enr|kit)_[0-9a-z]{1,24}_[\w-]{8,}/gi, '[token]'],
  [/\bbearer[ .]+[\w.~+/=-]+/gi, 'Bearer [token]'],
  [/\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, '[token]'],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}/g, '[token]'],
  // NAME=VALUE, "name": "value", name: value.
  [
    /((?:pass(?:word|phrase|wd)?|pwd|psk|pin|secret|token|api[_-]?key|\w[_-]key|authorization|cookie|ssid|identity|private[_-]?key|community)["']?\s*[=:]\s*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,;&"'}\]]+)/gi,
    '$1[secret]',
  ],
  [/(\/\/)[^\s/@"']+@/g, '$1[secret]@'],
  [/(?<![\w.%+-])[\w.%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+/gi, '[mail]'],
  [/(?<![\w:-])(?:[0-9a-f]{2}([:-]))(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![\w:-])/gi, '[mac]'],
  [/(?<![\w.])[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}(?![\w.])/gi, '[mac]'],
  // After an x or in a name of an interface: systemd calls some by their card's address.
  [/(?<=\b(?:enx|wlx))[0-9a-f]{12}\b/gi, '[mac]'],
];

/** These say nothing of a network. */
const isPlainAddress = (address: string) => /^(?:127\.|0\.0\.0\.0$|::1?$)/.test(address);

function withoutAddresses(text: string): string {
  return text
    .replace(
      /(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}(?:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?:%\w+)?(?![\w:])/gi,
      (found) => {
        const [address = ''] = found.split('%');
        return isIPv6(address) && !isPlainAddress(address) ? '[address]' : found;
      },
    )
    .replace(/(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d]|\.\d)/g, (found) =>
      isPlainAddress(found) ? found : '[address]',
    );
}

/** Letters of both kinds and digits, as keys have them by chance. */
const isMixed = (text: string) => /\d/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text);

/** Long runs are keys of some kind; paths and the ids of streams are none. */
function withoutLongRuns(text: string): string {
  return text.replace(/(?<![\w+/-])[\w+/-]{24,}={0,2}/g, (found) => {
    if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(found)) return found;
    const pieces = found.startsWith('/') ? found.split('/').filter((piece) => piece.length >= 24) : [found];
    const isKey = pieces.some((piece) => isMixed(piece) || /^[0-9a-f]{32,}$/i.test(piece));
    return isKey ? '[secret]' : found;
  });
}

/** A short one is part of many words; alone it is told. */
const patternOf = (form: string) =>
  form.length < 8 ? `(?<![A-Za-z0-9])${escaped(form)}(?![A-Za-z0-9])` : escaped(form);

function withoutKnown(text: string, secrets: ReadonlyMap<string, string>): string {
  const names = new Map<string, string>();
  for (const [secret, name] of secrets)
    for (const form of secret === '' ? [] : formsOf(secret)) names.set(form.toLowerCase(), name);
  if (names.size === 0) return text;
  // The longest first: one may be part of another.
  const forms = [...names.keys()].sort((a, b) => b.length - a.length);
  const any = new RegExp(forms.map(patternOf).join('|'), 'gi');
  return text.replace(any, (found) => `[${names.get(found.toLowerCase()) ?? 'secret'}]`);
}

/**
 * `text` without secrets and without what tells of a network or a person: `secrets` in every form that programs write, and
 * what looks like tokens, keys, pass phrases, addresses of cards and machines, and mails.
 * @param secrets known by their value; each with what it is called
 */
export function redacted(text: string, secrets: ReadonlyMap<string, string>): string {
  let clean = withoutKnown(text, secrets);
  for (const [pattern, put] of patterns) clean = clean.replace(pattern, put);
  return withoutLongRuns(withoutAddresses(clean));
}
