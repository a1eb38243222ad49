import { lookup } from 'node:dns/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import { codeOf, type Explained } from '../../systemd/errors.ts';

/** AWS refuses signatures more than five minutes off; certificates are checked by the same clock. */
const maxClockErrorMs = 300_000;
const clockHint =
  'Set the clock: timedatectl should say "System clock synchronized: yes". Captions begin as soon as it is right.';
const networkHint = 'Check the relay’s network: captions need outgoing connections to port 443 of amazonaws.com.';

export interface ProbeParts {
  /** Of the relay's clock, ms since 1970. */
  readonly now?: () => number;
  /** For each step; there are four. */
  readonly stepTimeoutMs?: number;
  /** HTTPS_PROXY or the like, which the SDK does not use. */
  readonly proxy?: string | undefined;
}

/**
 * Goes the way of a connection step by step, name, TCP, TLS, first answer, and says which does not work and why; null where
 * all do. It sends no credentials, and trusts nothing that it hears but the time of day.
 */
export async function probe(target: URL, parts: ProbeParts = {}): Promise<Explained | null> {
  const { now = Date.now, stepTimeoutMs = 2000, proxy } = parts;
  const host = target.hostname.replace(/^\[|\]$/g, '');
  const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80));
  const place = `${host}, port ${port}`;
  const noWay = (message: string, hint: string) => say('connection', message, withProxy(hint, proxy));

  const address = await within(stepTimeoutMs, resolved(host));
  if (address === null) return noWay(`The name ${host} is not resolved in time.`, 'Check the relay’s DNS.');
  if (address instanceof Error)
    return noWay(
      `The name ${host} could not be resolved (${codeOf(address)}).`,
      'Check the relay’s DNS, and AWS_REGION for a slip of the pen.',
    );

  const socket = connectTcp({ host: address, port });
  const tcp = await within(stepTimeoutMs, opened(socket, 'connect'));
  if (tcp === null) {
    socket.destroy();
    return noWay(`Nobody answers at ${place} (${address}): something drops the packets.`, networkHint);
  }
  if (tcp instanceof Error) return noWay(`${place} (${address}) cannot be reached (${codeOf(tcp)}).`, networkHint);

  let secure: TLSSocket | null = null;
  if (target.protocol === 'https:') {
    const tls = connectTls({
      socket: tcp,
      // The second one is for whoever is in between: to see who it is.
      ALPNProtocols: ['h2', 'http/1.1'],
      // Whoever answers is looked at, not trusted.
      rejectUnauthorized: false,
      ...(isIP(host) === 0 && { servername: host }),
    });
    const shaken = await within(stepTimeoutMs, opened(tls, 'secureConnect'));
    if (shaken === null || shaken instanceof Error) {
      tcp.destroy();
      const why = shaken === null ? 'it does not answer' : codeOf(shaken) || 'it hangs up';
      return noWay(
        `${place} takes connections and does not agree on TLS (${why}).`,
        'Something between the relay and AWS interferes, a firewall or a proxy: have it let amazonaws.com pass.',
      );
    }
    secure = shaken;
  }
  const untrusted = secure && !secure.authorized ? secure : null;
  const issuer = untrusted ? issuerOf(untrusted.getPeerCertificate()) : '';
  const speaksHttp2 = secure === null || secure.alpnProtocol === 'h2';
  const date = speaksHttp2 ? await dateOf(target, secure ?? tcp, stepTimeoutMs) : null;
  tcp.destroy();

  // First of all: a wrong clock makes good certificates look wrong.
  if (date !== null && Math.abs(now() - date) > maxClockErrorMs)
    return say('clock', `The relay’s clock is ${offBy(now() - date)}.`, clockHint);
  if (untrusted) return distrust(String(untrusted.authorizationError), host, issuer);
  if (!speaksHttp2)
    return noWay(
      `${place} does not speak HTTP/2, which Amazon Transcribe does: somebody else answers.`,
      'Look for a proxy in between, and have it let amazonaws.com pass unopened.',
    );
  return null;
}

const say = (code: string, message: string, hint: string): Explained => ({ code: `transcribe-${code}`, message, hint });

const withProxy = (hint: string, proxy: string | undefined) =>
  proxy ? `${hint} A proxy is set in the environment; the relay connects directly, without it.` : hint;

function distrust(error: string, host: string, issuer: string): Explained {
  const code = /\(?\b([A-Z_]{6,})\b/.exec(error)?.[1] ?? error;
  const by = issuer ? `, issued by “${issuer}”` : '';
  if (/EXPIRED|NOT_YET_VALID/.test(code))
    return say('untrusted', `The certificate of ${host} is not valid at this time (${code})${by}.`, clockHint);
  if (/ALTNAME/.test(code))
    return say(
      'untrusted',
      `Whoever answers as ${host} has a certificate for somebody else${by}.`,
      'The network may want a log-in first, as in hotels, or send AWS elsewhere: open a web page on it, or ask its operator.',
    );
  return say(
    'untrusted',
    `The certificate of ${host} is not trusted (${code})${by}.`,
    'A proxy or virus scanner reads along: have it let amazonaws.com pass, or give the relay its root certificate by NODE_EXTRA_CA_CERTS.',
  );
}

function issuerOf({ issuer }: PeerCertificate): string {
  const name = issuer?.O ?? issuer?.CN ?? '';
  return (Array.isArray(name) ? name.join(', ') : name).replace(/[^\p{L}\p{N} .,&'()-]/gu, '').slice(0, 80);
}

function offBy(ms: number): string {
  const minutes = Math.round(Math.abs(ms) / 60_000);
  const [count, unit] =
    minutes < 120
      ? [minutes, 'minutes']
      : minutes < 48 * 60
        ? [Math.round(minutes / 60), 'hours']
        : [Math.round(minutes / 1440), 'days'];
  return `${count} ${unit} ${ms < 0 ? 'behind' : 'ahead'}`;
}

const resolved = async (host: string): Promise<string | Error> => {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
};

function opened<S extends Socket>(socket: S, event: string): Promise<S | Error> {
  return new Promise((resolve) => {
    socket.once(event, () => resolve(socket));
    socket.on('error', (error) => resolve(error));
    socket.once('close', () => resolve(new Error('closed')));
  });
}

/** null after `ms`. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  const first = await Promise.race([work, timeout]);
  clearTimeout(timer);
  return first;
}

/** What time it is there, by any answer's `date`; null where it does not say. */
async function dateOf(target: URL, socket: Socket, timeoutMs: number): Promise<number | null> {
  const session = connectHttp2(target.origin, { createConnection: () => socket });
  const answer = new Promise<number | null>((resolve) => {
    session.on('error', () => resolve(null));
    const request = session.request({ ':path': '/', ':method': 'HEAD' });
    request.on('error', () => resolve(null));
    request.on('response', ({ date }) => {
      const ms = typeof date === 'string' ? Date.parse(date) : Number.NaN;
      resolve(Number.isNaN(ms) ? null : ms);
    });
    request.on('close', () => resolve(null));
    request.resume();
  });
  const date = await within(timeoutMs, answer);
  session.destroy();
  return date;
}
