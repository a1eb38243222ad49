import { randomBytes } from 'node:crypto';
import { admission, ask, bearer, doorNames, knock, nextAddress, type Prey, Tally } from './wire.ts';

const stranger = () => randomBytes(24).toString('hex');
const lookalike = (kind: string) =>
  `${kind}_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('base64url')}`;

/** Every token that should open nothing, on every door and a call of each right. */
export async function tokens(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const { publish, read, admin, otherPublish, otherRead, revoked, expired } = prey.tokens;
  for (const door of doorNames) {
    const isAudio = door === 'audio' || door === 'legacyAudio';
    const cases: Record<string, string | null> = {
      none: null,
      'never ours': lookalike('pub'),
      'a guess': stranger(),
      revoked,
      expired,
      ...(door === 'live'
        ? { 'wrong right': read, 'wrong right too': publish }
        : { 'other room': isAudio ? otherPublish : otherRead, 'wrong right': isAudio ? read : publish }),
      ...(isAudio && { 'the admin’s': admin }),
    };
    for (const [name, token] of Object.entries(cases)) {
      const socket = knock(prey, door, token);
      tally.note(name, await admission(socket));
      socket.terminate();
    }
  }
  const calls = [
    ['GET', `/api/rooms/${prey.room}/transcript.json`],
    ['GET', '/api/rooms'],
    ['PUT', `/api/rooms/${prey.room}/language`],
    ['GET', '/api/tokens'],
    ['GET', '/api/audit'],
    ['GET', '/metrics'],
  ] as const;
  for (const [method, path] of calls) {
    const call = (headers: Record<string, string>) => ask(prey, method, path, { headers });
    tally.note('none', await call({}));
    tally.note('never ours', await call(bearer(lookalike('adm'))));
    tally.note('a guess', await call(bearer(stranger())));
    tally.note('revoked', await call(bearer(revoked)));
    tally.note('expired', await call(bearer(expired)));
    tally.note('wrong right', await call(bearer(publish)));
  }
  return tally;
}

/** One address that guesses at the admin token, wherever it may; forged headers say that it is somebody else. */
export async function guessing(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const places: Record<
    string,
    (token: string, localAddress: string, headers: Record<string, string>) => Promise<string>
  > = {
    login: (token, localAddress, headers) =>
      ask(prey, 'POST', '/api/session', {
        ...{ localAddress, body: JSON.stringify({ token }) },
        headers: { 'content-type': 'application/json', ...headers },
      }),
    call: (token, localAddress, headers) =>
      ask(prey, 'GET', '/api/rooms', { localAddress, headers: { ...bearer(token), ...headers } }),
    captions: (token, localAddress, headers) =>
      ask(prey, 'GET', `/api/rooms/${prey.room}/transcript.json`, {
        ...{ localAddress, headers: { ...bearer(token), ...headers } },
      }),
    live: async (token, localAddress, headers) => {
      const socket = knock(prey, 'live', token, { localAddress, headers });
      const answer = await admission(socket);
      socket.terminate();
      return answer;
    },
  };
  for (const [place, guess] of Object.entries(places))
    for (const [who, forge] of [
      ['', () => ({})],
      [', forging headers', forgedHeaders],
    ] as const) {
      const localAddress = nextAddress();
      for (let i = 0; i < 20; i++) tally.note(`${place}${who}`, await guess(stranger(), localAddress, forge()));
      tally.note(`the right one, from there${who}`, await guess(prey.tokens.admin, localAddress, forge()));
      tally.note(`the right one, from elsewhere${who}`, await guess(prey.tokens.admin, nextAddress(), forge()));
    }
  return tally;
}

function forgedHeaders(): Record<string, string> {
  const address = [10, ...randomBytes(3)].join('.');
  return {
    'x-forwarded-for': `${address}, 127.0.0.1`,
    forwarded: `for=${address}`,
    'x-real-ip': address,
    'cf-connecting-ip': address,
    'true-client-ip': address,
  };
}

/** A page of another site, in the browser of an organizer who is logged in. */
export async function crossSite(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const own = `http://127.0.0.1:${prey.port}`;
  const cookie = await login(prey, own);
  const foreign = { cookie, origin: 'https://evil.example' };
  const json = { 'content-type': 'application/json' };
  const body = JSON.stringify({ language: 'fr-FR' });
  const put = (headers: Record<string, string>) =>
    ask(prey, 'PUT', `/api/rooms/${prey.room}/language`, { headers: { ...json, ...headers }, body });
  tally.note('our own page', await put({ cookie, origin: own }));
  tally.note('acts', await put(foreign));
  tally.note('acts', await put({ cookie, origin: 'null' }));
  tally.note('acts', await put({ cookie })); // a browser that names no origin
  tally.note('acts', await put({ cookie, origin: `${own}.evil.example` }));
  tally.note('acts', await ask(prey, 'DELETE', `/api/rooms/${prey.room}`, { headers: foreign }));
  tally.note('acts', await ask(prey, 'POST', `/api/rooms/${prey.room}/clear`, { headers: foreign }));
  tally.note('acts', await ask(prey, 'DELETE', '/api/session', { headers: foreign }));
  const form = { ...foreign, 'content-type': 'text/plain' };
  tally.note('acts', await ask(prey, 'POST', '/api/tokens', { headers: form, body: '{"right":"admin"}' }));
  tally.note('reads', await ask(prey, 'GET', '/api/audit', { headers: foreign }));
  const socket = async (headers: Record<string, string>) => {
    const opened = knock(prey, 'live', null, { headers });
    const answer = await admission(opened);
    opened.terminate();
    return answer;
  };
  tally.note('our own socket', await socket({ cookie, origin: own }));
  tally.note('opens a socket', await socket(foreign));
  tally.note('opens a socket', await socket({ cookie }));
  return tally;
}

async function login({ port, tokens: { admin } }: Prey, origin: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify({ token: admin }),
  });
  return (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
}
