/** The activity LED of a kit, on a folder that looks like the kernel's; virtual time. Costs less than a second. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LampJudge } from '../systemd/agent/lamp-judge.ts';
import { ActivityLed } from '../systemd/agent/led.ts';
import { root, temporaryFolder } from './harness/programs.ts';

const folder = temporaryFolder();
const ledsDir = join(folder.path, 'sys/class/leds');
let led = '';

const read = (name: string) => readFileSync(join(led, name), 'latin1').trim();
const put = (name: string, text: string) => writeFileSync(join(led, name), text);

function makeLed(name: string) {
  led = join(ledsDir, name);
  mkdirSync(led, { recursive: true });
  put('trigger', 'mmc0');
  put('brightness', '0');
  put('max_brightness', '255\n');
}

/** Whether the light is on, at the end of each of so many steps. */
function seen(stepMs: number, steps: number): string {
  let text = '';
  for (let step = 0; step < steps; step++) {
    text += read('brightness') === '0' ? '.' : '#';
    vi.advanceTimersByTime(stepMs);
  }
  return text;
}

beforeEach(() => {
  vi.useFakeTimers();
  makeLed('ACT');
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(ledsDir, { recursive: true, force: true });
});

describe('the activity LED', () => {
  test('flashes four times a second, evenly, while the kit starts', () => {
    const lamp = new ActivityLed({ ledsDir });
    lamp.show('starting');
    expect(read('trigger')).toBe('none');
    vi.advanceTimersByTime(10);
    expect(seen(125, 16)).toBe('#.#.#.#.#.#.#.#.');
  });

  test('flashes once every two seconds while sound comes in and goes to the relay', () => {
    const lamp = new ActivityLed({ ledsDir });
    lamp.show('well');
    vi.advanceTimersByTime(10);
    expect(seen(100, 60)).toBe(`#${'.'.repeat(19)}`.repeat(3));
  });

  test('is on for a second and off for a second when something needs a person', () => {
    const lamp = new ActivityLed({ ledsDir });
    lamp.show('attention');
    vi.advanceTimersByTime(10);
    expect(seen(500, 12)).toBe('##..##..##..');
  });

  test('goes on with a pattern that it is told again every second', () => {
    const lamp = new ActivityLed({ ledsDir });
    let text = '';
    for (let second = 0; second < 6; second++) {
      lamp.show('well');
      text += seen(100, 10);
    }
    expect(text).toBe(`#${'.'.repeat(19)}`.repeat(3));
  });

  test('flickers for as long as it is asked to, whatever is to be shown meanwhile, and then shows that', () => {
    const lamp = new ActivityLed({ ledsDir });
    lamp.show('well');
    vi.advanceTimersByTime(500);
    lamp.identify(30_000);
    vi.advanceTimersByTime(10);
    expect(seen(50, 8)).toBe('#.#.#.#.');
    lamp.show('attention');
    vi.advanceTimersByTime(29_500);
    expect(seen(50, 1)).toMatch(/[#.]/);
    vi.advanceTimersByTime(100);
    expect(seen(500, 8)).toBe('##..##..');
  });

  test('asked to flicker once more, it does so for the whole time from then on', () => {
    const lamp = new ActivityLed({ ledsDir });
    lamp.show('attention');
    lamp.identify(30_000);
    vi.advanceTimersByTime(20_000);
    lamp.identify(30_000);
    vi.advanceTimersByTime(25_010);
    expect(seen(50, 4)).toMatch(/^(#\.#\.|\.#\.#)$/);
  });

  test('is led0 on older kernels; a machine with another light alone is left as it is', () => {
    rmSync(led, { recursive: true });
    makeLed('PWR');
    new ActivityLed({ ledsDir }).show('attention');
    expect([read('trigger'), read('brightness')]).toEqual(['mmc0', '0']);
    makeLed('led0');
    new ActivityLed({ ledsDir }).show('attention');
    expect([read('trigger'), read('brightness')]).toEqual(['none', '255']);
  });

  test('a machine without a light is fine, and one whose light goes away too', async () => {
    const lamp = new ActivityLed({ ledsDir });
    lamp.show('starting');
    rmSync(ledsDir, { recursive: true });
    vi.advanceTimersByTime(5000);
    await lamp.stop();
    const none = new ActivityLed({ ledsDir });
    none.show('well');
    none.identify(1000);
    vi.advanceTimersByTime(5000);
    await none.stop();
    expect(existsSync(ledsDir)).toBe(false);
  });

  test('after the agent’s end the kernel blinks it, and says no more that all is well', async () => {
    const lamp = new ActivityLed({ ledsDir });
    lamp.show('well');
    lamp.identify(30_000);
    await lamp.stop();
    expect([read('trigger'), read('delay_on'), read('delay_off')]).toEqual(['timer', '1000', '1000']);
    // Neither a late word nor a timer that was left behind takes it back.
    put('brightness', 'by the kernel');
    lamp.show('well');
    lamp.identify(1000);
    vi.advanceTimersByTime(60_000);
    expect([read('trigger'), read('brightness')]).toEqual(['timer', 'by the kernel']);
  });

  test('an agent that hangs leaves a light that does not blink', () => {
    const lamp = new ActivityLed({ ledsDir });
    lamp.show('well');
    // No kernel's trigger blinks for it: without its own timers nothing moves.
    expect(read('trigger')).toBe('none');
    expect(existsSync(join(led, 'delay_on'))).toBe(false);
  });
});

describe('what the unit leaves behind of an agent that was killed', () => {
  const leave = () =>
    execFileSync('sh', [join(root, 'systemd/led-attention.sh')], { env: { ...process.env, SALA_ROOT: folder.path } });

  test.each(['ACT', 'led0'])('is a light %s that asks for attention', (name) => {
    rmSync(led, { recursive: true });
    makeLed(name);
    put('trigger', 'none');
    leave();
    expect([read('trigger'), read('delay_on'), read('delay_off')]).toEqual(['timer', '1000', '1000']);
  });

  test('is a light that stays on where the kernel cannot blink, and nothing where there is no light', () => {
    rmSync(join(led, 'trigger'));
    mkdirSync(join(led, 'trigger'));
    leave();
    expect(read('brightness')).toBe('255');
    rmSync(ledsDir, { recursive: true });
    leave();
    expect(existsSync(ledsDir)).toBe(false);
  });

  test('is done by the unit, however the agent ended', () => {
    const unit = readFileSync(join(root, 'systemd/sala-agent.service'), 'utf8');
    expect(unit).toMatch(/^ExecStopPost=-\/bin\/sh \/opt\/sala\/current\/systemd\/led-attention\.sh$/m);
    expect(unit).not.toMatch(/^ProtectKernelTunables=yes/m);
  });
});

describe('the light says', () => {
  let now = 0;
  const ok = { state: 'ok', message: '' };
  const device = (state: string) => ({ state, message: '' });
  const judge = () => new LampJudge(() => now);
  beforeEach(() => {
    now = 0;
  });

  test('that all is well when the kit, its device and its programs say so', () => {
    expect(judge().judge({ state: 'ok', device: ok, areWell: true })).toBe('well');
    expect(judge().judge({ state: 'ok', device: null, areWell: true })).toBe('well');
  });

  test.each(['mixer-absent', 'relay-unreachable', 'other-source', 'disk-full', 'not-enrolled'])(
    'that a person is needed when the device says %s',
    (state) => {
      expect(judge().judge({ state: 'ok', device: device(state), areWell: true })).toBe('attention');
    },
  );

  test('that a person is needed when the kit says so, also while its device is well', () => {
    expect(judge().judge({ state: 'weak-power', device: ok, areWell: true })).toBe('attention');
  });

  test('that it starts until the device and the relay are there', () => {
    expect(judge().judge({ state: 'starting', device: ok, areWell: true })).toBe('starting');
    expect(judge().judge({ state: 'ok', device: device('starting'), areWell: true })).toBe('starting');
    expect(judge().judge({ state: 'ok', device: null, areWell: false })).toBe('starting');
  });

  test('nothing of starting for ever: after two minutes a person is needed', () => {
    const lamp = judge();
    const signs = { state: 'ok', device: null, areWell: false };
    expect(lamp.judge(signs)).toBe('starting');
    now = 119_000;
    expect(lamp.judge(signs)).toBe('starting');
    now = 120_000;
    expect(lamp.judge(signs)).toBe('attention');
    now = 500_000;
    expect(lamp.judge(signs)).toBe('attention');
    expect(lamp.judge({ state: 'ok', device: ok, areWell: true })).toBe('well');
  });

  test('at once that all is not well when a program dies that worked, and soon that a person is needed', () => {
    const lamp = judge();
    expect(lamp.judge({ state: 'ok', device: ok, areWell: true })).toBe('well');
    now = 1000;
    expect(lamp.judge({ state: 'ok', device: null, areWell: false })).toBe('starting');
    now = 16_000;
    expect(lamp.judge({ state: 'ok', device: null, areWell: false })).toBe('attention');
  });

  test('nothing of a silence of minutes, which is no fault by itself; a longer one is worth a look', () => {
    const lamp = judge();
    const silent = { state: 'ok', device: device('silent'), areWell: true };
    expect(lamp.judge(silent)).toBe('well');
    now = 299_000;
    expect(lamp.judge(silent)).toBe('well');
    now = 300_000;
    expect(lamp.judge(silent)).toBe('attention');
    expect(lamp.judge({ state: 'ok', device: ok, areWell: true })).toBe('well');
    now = 301_000;
    expect(lamp.judge(silent)).toBe('well');
  });
});
