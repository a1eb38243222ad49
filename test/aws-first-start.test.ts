import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { relayOptions } from '../relay/options.ts';
import { readConfiguration } from '../systemd/configuration.ts';
import { FreshInstance } from './harness/fresh-instance.ts';

let machine: FreshInstance;

beforeEach(() => {
  machine = new FreshInstance();
});
afterEach(() => machine.remove());

const signals = (calls: readonly string[]) =>
  calls.filter((call) => call.includes('signal-resource')).map((call) => call.split(' ').at(-1));

describe('the first start of a machine', () => {
  test('makes it the relay of its stack', () => {
    const { status, said, calls } = machine.start();
    expect(said).toContain('the relay is ready');
    expect(status).toBe(0);
    expect(signals(calls)).toEqual(['SUCCESS']);
    expect(machine.read('etc/sala/relay.env').split('\n')).toEqual(
      expect.arrayContaining([
        'AWS_REGION=eu-south-1',
        'SALA_LISTEN=127.0.0.1:8080',
        'SALA_ORIGIN=https://sala.example.org',
        'SALA_LANGUAGE=it-IT',
        'SALA_MAX_SPOOL_BYTES=20000000000',
      ]),
    );
    expect(machine.read('etc/sala/relay.env')).not.toContain('SALA_MAX_COST_PER_DAY');
    expect(machine.read('etc/sala/admin-token').trim()).toBe('the-admin-token-of-the-stack');
    expect(machine.has('etc/systemd/system/sala-relay.service')).toBe(true);
    expect(machine.read('etc/caddy/Caddyfile')).toContain('reverse_proxy');
    expect(machine.read('etc/fstab').trim().split('\n')).toHaveLength(1);
    // The address is there before the certificate is asked for, the disk before the relay starts.
    const order = [
      'associate-address',
      'attach-volume',
      'mkfs.ext4',
      'mount ',
      'get-secret',
      'restart sala-relay',
      'signal',
    ];
    const places = order.map((what) => calls.findIndex((call) => call.includes(what)));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  const settingsOf = () =>
    Object.fromEntries(
      machine
        .read('etc/sala/relay.env')
        .trim()
        .split('\n')
        .map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  const readBack = () => {
    const given = { ...settingsOf(), SALA_DATA_DIR: 'data', SALA_ADMIN_TOKEN_FILE: 'token' };
    return readConfiguration(relayOptions, { usage: '', summary: '' }, [], given);
  };

  test.each(['', 'talks-of-ours'])(
    'gives the relay settings that it understands, all of them: bucket "%s"',
    (bucket) => {
      machine.recordingBucket = bucket;
      machine.start();
      const known = Object.keys(relayOptions.shape).map(
        (key) => `SALA_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
      );
      expect(Object.keys(settingsOf()).filter((name) => !known.includes(name))).toEqual(['AWS_REGION']);
      const read = readBack();
      expect(read).toHaveProperty('settings.origin', ['https://sala.example.org']);
      if (bucket === '') expect(read).not.toHaveProperty('settings.recordingStore', expect.anything());
      else
        expect(read).toMatchObject({
          settings: {
            ...{ recordingStore: 's3://talks-of-ours', recordingRegion: 'eu-south-1', event: 'event' },
            maxRecordingBacklog: 5_000_000_000,
          },
        });
    },
  );

  test('installs what recordings are made with', () => {
    const { calls } = machine.start();
    expect(calls.find((call) => call.startsWith('apt-get') && call.includes(' caddy '))).toContain(' flac ');
  });

  test('keeps the admin token from everybody but root, and out of what is said', () => {
    const { said } = machine.start();
    expect(said).not.toContain('the-admin-token-of-the-stack');
    const { said: mode } = machine.run(['stat', '-c', '%a', machine.path('etc/sala/admin-token')]);
    expect(mode.trim()).toBe('600');
  });

  test('finds the captions of the machine before it, and writes nothing over them', () => {
    const kept = Buffer.alloc(2 * 1_048_576, 'ext4 and captions ');
    machine.insertVolume(kept);
    const { status, calls } = machine.start();
    expect(status).toBe(0);
    expect(calls.filter((call) => call.startsWith('mkfs'))).toEqual([]);
    expect(machine.disk.equals(kept)).toBe(true);
  });

  test.each([
    [
      'holds something that is no file system it knows',
      Buffer.alloc(2 * 1_048_576, 'a database without a file system'),
    ],
    [
      'is empty only at first sight',
      Buffer.concat([Buffer.alloc(700_000), Buffer.from('words'), Buffer.alloc(1_048_576)]),
    ],
  ])('gives up rather than format a volume that %s', (_, content) => {
    machine.insertVolume(content);
    const { status, said, calls } = machine.start();
    expect(status).not.toBe(0);
    expect(said).toContain('nothing was written to it');
    expect(machine.disk.equals(content)).toBe(true);
    expect(signals(calls)).toEqual(['FAILURE']);
  });

  test('waits for the volume until the machine before it has let go', () => {
    machine.mark('volume-busy');
    const { status, calls } = machine.start();
    expect(status).toBe(0);
    expect(calls.filter((call) => call.includes('attach-volume'))).toHaveLength(2);
  });

  test('may happen twice: nothing is formatted, mounted or entered again', () => {
    machine.start();
    const before = machine.disk;
    const { status, calls } = machine.start();
    expect(status).toBe(0);
    expect(signals(calls)).toEqual(['SUCCESS']);
    expect(calls.filter((call) => /^(mkfs|mount )|attach-volume/.test(call))).toEqual([]);
    expect(machine.disk.equals(before)).toBe(true);
    expect(machine.read('etc/fstab').trim().split('\n')).toHaveLength(1);
  });

  test('goes on without Session Manager, and says so', () => {
    machine.mark('no-agent');
    const { status, said } = machine.start();
    expect(status).toBe(0);
    expect(said).toContain('Session Manager is not there');
  });
});

describe('a stack is told at once, with the reason in its log, when', () => {
  const nothingOfItRan = () => {
    expect(machine.has('opt/sala/current')).toBe(false);
    expect(machine.has('opt/sala/release.tar.gz')).toBe(false);
  };

  test.each<[string, () => void, () => void]>([
    ['the release is not the one that is pinned', () => machine.publish(false), nothingOfItRan],
    ['the bucket refuses', () => machine.mark('s3-refuses'), nothingOfItRan],
    ['a package cannot be installed', () => machine.mark('apt-fails'), nothingOfItRan],
    ['the relay does not start', () => machine.mark('relay-fails'), () => {}],
    ['the relay never gets ready', () => machine.mark('not-ready'), () => {}],
  ])('%s', (_, breakIt, check) => {
    breakIt();
    const { status, calls } = machine.start();
    expect(status).not.toBe(0);
    expect(signals(calls)).toEqual(['FAILURE']);
    expect(machine.read('log-events')).toContain('what the console saw');
    check();
  });
});

describe('the journal goes to the log group', () => {
  const line = (number: number, text = `line ${number}`) =>
    JSON.stringify({ MESSAGE: text, __REALTIME_TIMESTAMP: String(1_700_000_000_000_000 + number * 1000) });

  /** A journal that hands out what is new since its cursor, like the real one. */
  function journal(lines: readonly string[]): void {
    machine.write('journal', `${lines.join('\n')}\n`);
    machine.write(
      'bin/journalctl',
      `#!/bin/bash
      for each; do case $each in --cursor-file=*) cursor=\${each#*=} ;; esac; done
      from=$(cat "$cursor" 2>/dev/null || echo 0)
      tail -n +$((from + 1)) '${machine.path('journal')}'
      wc -l <'${machine.path('journal')}' >"$cursor"`,
      0o755,
    );
  }
  const ship = () =>
    machine.run(['bash', machine.path('release/provisioning/aws/journal-to-cloudwatch.sh')], {
      STATE_DIRECTORY: machine.path('state'),
      SALA_LOG_GROUP: 'sala-log',
    });
  const sent = () =>
    machine
      .read('log-events')
      .trim()
      .split('\n')
      .flatMap((call): { message: string }[] => JSON.parse(call))
      .map(({ message }) => message);

  beforeEach(() => {
    machine.write('state/.there', '');
  });

  test('each line once, and whether the relay is ready each time', () => {
    journal([1, 2, 3].map((number) => line(number)));
    expect(ship().status).toBe(0);
    journal([1, 2, 3, 4].map((number) => line(number)));
    machine.mark('not-ready');
    expect(ship().status).toBe(0);
    expect(sent()).toEqual(['{"ready":1}', 'line 1', 'line 2', 'line 3', '{"ready":0}', 'line 4']);
  });

  test('in calls that the service takes, however much there is', () => {
    journal(Array.from({ length: 1000 }, (_, i) => line(i, 'x'.repeat(5000))));
    expect(ship().status).toBe(0);
    const calls = machine.read('log-events').trim().split('\n');
    expect(Math.max(...calls.map((call) => Buffer.byteLength(call)))).toBeLessThan(1_000_000);
    expect(sent()).toHaveLength(1001);
  });

  test('in calls of less than a day, also after the machine was stopped for a week', () => {
    journal([1, 2, 3_600_000 * 24 * 7].map((number) => line(number)));
    expect(ship().status).toBe(0);
    const calls = machine.read('log-events').trim().split('\n');
    for (const call of calls) {
      const times = JSON.parse(call).map(({ timestamp }: { timestamp: number }) => timestamp);
      expect(Math.max(...times) - Math.min(...times)).toBeLessThan(86_400_000);
    }
    expect(sent()).toHaveLength(4);
  });

  test('again where it could not be sent', () => {
    journal([line(1)]);
    machine.write('bin/aws', '#!/bin/bash\ncase "$*" in *put-log*) exit 255 ;; esac', 0o755);
    expect(ship().status).not.toBe(0);
    expect(machine.has('state/cursor')).toBe(false);
  });
});
