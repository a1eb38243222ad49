/** The bundle of diagnostics of a kit, with secrets of every kind planted in it, and the door where it is asked for. Costs less than a second. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Diagnostics, diagnosticsLimits } from '../systemd/agent/diagnostics.ts';
import { AgentDoor } from '../systemd/agent/door.ts';
import { redacted } from '../systemd/agent/redaction.ts';
import { createLog } from '../systemd/log.ts';
import { enrolmentToken } from './harness/kit-agent.ts';
import { temporaryFolder } from './harness/programs.ts';

const random = (bytes = 32) => randomBytes(bytes).toString('base64url');
const kitKey = `kit_${randomBytes(6).toString('hex')}_${random()}`;
const ssid = 'Fritz Box Küche';
const passphrase = 'correct horse "battery';
/** Everything that must not be seen, by what it is. */
const secrets: Record<string, string> = {
  'the kit’s key': kitKey,
  'an enrolment token': enrolmentToken(),
  'a publish token': `pub_${randomBytes(6).toString('hex')}_${random()}`,
  'a read token': `sub_${randomBytes(6).toString('hex')}_${random()}`,
  'an admin token of another form': 'short-and-chosen-by-hand',
  'the PIN': '408316',
  'an SSID': ssid,
  'an SSID as bytes': 'Gästenetz',
  'a pass phrase': passphrase,
  'a short pass phrase': 'abcdefgh',
  'a password of 802.1X': 'Winter2026!',
  'an identity of 802.1X': 'sala@uni-verona.example',
  'a mail': 'maria.rossi+kits@conference.example.org',
  'an IPv4 address': '10.20.30.41',
  'a public IPv4 address': '93.184.216.34',
  'an IPv6 address': '2001:db8:85a3::8a2e:370:7334',
  'a link-local IPv6 address': 'fe80::ba27:ebff:fe12:3456',
  'a MAC': 'b8:27:eb:12:34:56',
  'a MAC with dashes': 'DC-A6-32-AA-BB-CC',
  'a MAC in an interface’s name': 'dca632ddeeff',
  'a JSON web token': `eyJhbGciOiJIUzI1NiJ9.${random(24)}.${random()}`,
  'an AWS key id': 'AKIAIOSFODNN7EXAMPLE',
  'an AWS secret': 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  'a short key of an engine': 'd0123456789abcdef',
  'a user of an address': 'venue:hunter2',
  'a private key': randomBytes(48).toString('base64'),
  'a public key with a name': 'AAAAC3NzaC1lZDI1NTE5AAAAIJm0l0k9vQw8example',
  'a session cookie': random(),
  'hex that somebody made': randomBytes(20).toString('hex'),
};
const of = (name: string) => secrets[name] ?? '';

let folder: ReturnType<typeof temporaryFolder>;
let dataDir = '';
const put = (path: string, text: string) => {
  const file = join(folder.path, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
};

beforeEach(() => {
  folder = temporaryFolder();
  dataDir = join(folder.path, 'data');
});
afterEach(() => folder.remove());

const inBase64 = (text: string) => Buffer.from(text).toString('base64').replace(/=+$/, '');
const inHex = (text: string) => Buffer.from(text).toString('hex');

/** A line for each, as programs write them. */
function journalOf(): string {
  const json = (text: string) => JSON.stringify({ level: 40, time: 1763737200000, name: 'uplink', msg: text });
  return [
    json(`connected with Bearer ${kitKey}`),
    json(`GET /rooms/verdi?token=${of('a read token')} from ${of('an IPv4 address')}:51234`),
    json(`authorization: Bearer ${of('a JSON web token')}`),
    json(`bearer.${of('a publish token')}, sala.audio.v1`),
    json(`enrolment with ${of('an enrolment token')} was refused`),
    json(`the admin token ${of('an admin token of another form')} is not one`),
    json(`PIN ${of('the PIN')} was wrong, code=${of('the PIN')}`),
    json(`wlan0: associated with ${ssid} (${passphrase})`),
    json(`cannot join "${of('an SSID as bytes')}" with ${of('a short pass phrase')}`),
    json(`802.1X: ${of('an identity of 802.1X')} / ${of('a password of 802.1X')}`),
    json(`connect ECONNREFUSED ${of('a public IPv4 address')}:443 [${of('an IPv6 address')}]:443`),
    json(`listening on ${of('a link-local IPv6 address')}%eth0, ::ffff:${of('an IPv4 address')}`),
    `nov 21 eth0: link up ${of('a MAC')} ${of('a MAC with dashes')} enx${of('a MAC in an interface’s name')}`,
    `AWS_ACCESS_KEY_ID ${of('an AWS key id')} then ${of('an AWS secret')} ok`,
    `deepgram-key = "${of('a short key of an engine')}"`,
    `fetching https://${of('a user of an address')}@proxy.example/`,
    `-----BEGIN PRIVATE KEY-----\n${of('a private key')}\n-----END PRIVATE KEY-----`,
    `ssh-ed25519 ${of('a public key with a name')} ${of('a mail')}`,
    `set-cookie: sala-status=${of('a session cookie')}; HttpOnly`,
    `digest ${of('hex that somebody made')}`,
    `GET /join?network=${encodeURIComponent(ssid)}`,
    `sent ${inBase64(of('a password of 802.1X'))} as ${inHex(of('a password of 802.1X'))}`,
    json(
      'stream 6f1c2f6e-98a1-4f3a-9d3c-3f5a4b1c0d2e: 127.0.0.1:8081 did not answer at 12:34:56, see /opt/sala/current/device/main.js',
    ),
  ].join('\n');
}

function plant() {
  put('data/kit/key', kitKey);
  put('etc/sala/admin-token', `${of('an admin token of another form')}\n`);
  put('etc/sala/status-pin', `${of('the PIN')}\n`);
  const bytes = [...Buffer.from(of('an SSID as bytes'))].map((byte) => `${byte};`).join('');
  put(
    'etc/NetworkManager/system-connections/a.nmconnection',
    `[wifi]\nssid=${ssid}\n[wifi-security]\npsk=${passphrase}\n`,
  );
  put(
    'etc/NetworkManager/system-connections/b.nmconnection',
    `[wifi]\nssid=${bytes}\n[wifi-security]\npsk=${of('a short pass phrase')}\n[802-1x]\nidentity=${of('an identity of 802.1X')}\npassword=${of('a password of 802.1X')}\n`,
  );
  put('etc/sala/kit.toml', `relay = "wss://captions.example.org"\nname = "verdi-sound"\nroom = "verdi"\n`);
  put('etc/sala/device.toml', `source = "mixer:sala"\ntoken = "${of('hex that somebody made')}"\n`);
  put(
    'etc/sala/relay.env',
    `SALA_ADMIN_TOKEN='${of('an admin token of another form')}'\nSALA_ENGINE_KEY=${of('a short key of an engine')}\n`,
  );
  put('etc/os-release', 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n');
  put('proc/meminfo', 'MemTotal: 1000 kB\n');
}

const bundle = (run: (command: string, args: readonly string[]) => Promise<string>) =>
  new Diagnostics({
    root: folder.path,
    dataDir,
    run,
    health: () => ({ state: 'ok', machine: { network: { address: of('an IPv4 address') } } }),
    wallMs: () => 0,
  }).make();

describe('the bundle of diagnostics', () => {
  test('has none of the secrets that were planted, in no form in which programs write them', async () => {
    plant();
    const text = await bundle(async (command) =>
      command === 'journalctl' ? journalOf() : `${command} prints ${kitKey}`,
    );
    const bytes = Buffer.from(text);
    for (const [name, secret] of Object.entries(secrets)) {
      const raw = Buffer.from(secret);
      const forms = [
        secret,
        JSON.stringify(secret).slice(1, -1),
        encodeURIComponent(secret),
        raw.toString('base64').replace(/=+$/, ''),
        raw.toString('hex'),
      ];
      for (const form of forms) expect([name, bytes.includes(form)]).toEqual([name, false]);
    }
    // Nor by halves.
    expect(text).not.toContain(kitKey.slice(17, 40));
    expect(text).not.toMatch(/hunter2|battery|Küche/);
  });

  test('has what helps: what happened, where, and when', async () => {
    plant();
    const text = await bundle(async (command) => (command === 'journalctl' ? journalOf() : ''));
    for (const kept of [
      'verdi-sound',
      'wss://captions.example.org',
      'mixer:sala',
      'Debian GNU/Linux 13',
      '6f1c2f6e-98a1-4f3a-9d3c-3f5a4b1c0d2e',
      '127.0.0.1:8081',
      '12:34:56',
      '/opt/sala/current/device/main.js',
      'ECONNREFUSED',
      '1763737200000',
      'proxy.example',
      process.version,
    ])
      expect(text).toContain(kept);
  });

  test('the planted secrets are where the bundle is made from, so that the tests above mean something', () => {
    const journal = journalOf();
    const missing = Object.entries(secrets).filter(
      ([, secret]) => !journal.includes(secret) && !journal.includes(JSON.stringify(secret).slice(1, -1)),
    );
    expect(missing).toEqual([]);
  });

  test('says what it could not have, and has the rest', async () => {
    const text = await bundle(() => Promise.reject(new Error('no such program')));
    expect(text).toContain('== Journal ==\n(there is none)');
    expect(text).toContain('"state": "ok"');
  });

  test('is bounded, keeps the newest of the journal, and begins it with a whole line', async () => {
    const line = (number: number) => `line ${number} ${'x'.repeat(180)}`;
    const journal = Array.from({ length: 5000 }, (_, number) => line(number)).join('\n');
    const text = await bundle(async () => journal);
    expect(text.length).toBeLessThanOrEqual(diagnosticsLimits.maxChars + 10);
    const one = await bundle(async (command, args) =>
      command === 'journalctl' && !args.includes('--dmesg') ? journal : '',
    );
    expect(one).toContain(line(4999));
    expect(one).not.toContain(line(10));
    expect(one).toMatch(/== Journal ==\n\[cut\]\nline \d+ xxx/);
  });

  test('asks the journal for our units alone, and of the kernel only for what a kit can suffer from', async () => {
    const asked: string[] = [];
    const text = await bundle(async (command, args) => {
      asked.push(`${command} ${args.join(' ')}`);
      return args.includes('--dmesg') ? 'hwmon hwmon1: Undervoltage detected!\nsomebody’s own business' : '';
    });
    expect(
      asked.filter((each) => each.startsWith('journalctl')).every((each) => /--unit=sala-\*|--dmesg/.test(each)),
    ).toBe(true);
    expect(text).toContain('Undervoltage detected!');
    expect(text).not.toContain('own business');
  });

  test('is made in time although somebody wrote long words into the journal', async () => {
    plant();
    const startedMs = performance.now();
    await bundle(async () => 'aB3.'.repeat(90_000));
    await bundle(async () => '1:'.repeat(180_000));
    await bundle(async () => 'a-'.repeat(180_000));
    // About 0.3 s; quadratic, it would take minutes.
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});

test('an SSID that is a word goes as a word, and leaves other words whole', () => {
  expect(redacted('salaname and sala: "sala"', new Map([['sala', 'SSID']]))).toBe('salaname and [SSID]: "[SSID]"');
  expect(redacted('a+b (c', new Map([['a+b (c', 'SSID']]))).toBe('[SSID]');
});

describe('the agent’s door', () => {
  let door: AgentDoor | undefined;
  afterEach(async () => {
    await door?.stop();
    door = undefined;
  });

  const socket = () => join(folder.path, 'agent.sock');
  const ask = (method: string, path: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const call = request({ socketPath: socket(), method, path }, (answer) => {
        let text = '';
        answer.on('data', (piece) => {
          text += String(piece);
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
      });
      call.on('error', reject);
      call.end();
    });
  async function open(parts: Partial<ConstructorParameters<typeof AgentDoor>[0]> = {}) {
    put('passwd', 'root:x:0:0::/root:/bin/sh\n');
    door = new AgentDoor({
      ...{
        socket: socket(),
        user: 'sala-device',
        passwd: join(folder.path, 'passwd'),
        log: createLog('silent')('door'),
      },
      ...{ identify: () => {}, diagnostics: async () => 'all of it' },
      ...parts,
    });
    await door.start();
  }

  test('blinks and gives diagnostics, and does nothing else', async () => {
    let blinks = 0;
    await open({ identify: () => blinks++ });
    expect(await ask('POST', '/identify')).toMatchObject({ status: 204 });
    expect(await ask('GET', '/diagnostics')).toEqual({ status: 200, text: 'all of it' });
    for (const [method, path] of [
      ['GET', '/identify'],
      ['POST', '/diagnostics'],
      ['GET', '/../etc/passwd'],
      ['POST', '/restart'],
    ] as const)
      expect((await ask(method, path)).status).toBe(404);
    expect(blinks).toBe(1);
  });

  test('is open to its owner alone, who is the device where there is that user', async () => {
    const own = `${process.getuid?.()}`;
    put(
      'passwd-with-device',
      `root:x:0:0::/:/bin/sh\nsala-device:x:${own === '0' ? 4321 : own}:${own === '0' ? 4321 : process.getgid?.()}::/:/bin/false\n`,
    );
    await open({ passwd: join(folder.path, 'passwd-with-device') });
    const { mode, uid } = statSync(socket());
    expect(mode & 0o777).toBe(0o600);
    expect(uid).toBe(own === '0' ? 4321 : Number(own));
  });

  test('takes ten calls a minute, and makes one bundle at a time', async () => {
    let finish = (_text: string) => {};
    await open({
      diagnostics: () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    });
    const first = ask('GET', '/diagnostics');
    await expect.poll(async () => (await ask('GET', '/diagnostics')).status).toBe(429);
    finish('done');
    expect(await first).toEqual({ status: 200, text: 'done' });
    const statuses = [];
    for (let call = 0; call < 12; call++) statuses.push((await ask('POST', '/identify')).status);
    expect(statuses).toEqual([...Array(9).fill(204), 429, 429, 429]);
  });

  test('takes the place of one that a killed agent left behind', async () => {
    await open();
    const before = door;
    await open();
    expect((await ask('POST', '/identify')).status).toBe(204);
    await before?.stop();
  });

  test('that cannot be opened is no end of the agent', async () => {
    await open({ socket: join(folder.path, 'nowhere/agent.sock') });
    await door?.stop();
  });
});
