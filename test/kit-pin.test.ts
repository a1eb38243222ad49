/** Who may try a PIN how often, in virtual time; costs nothing worth naming. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { deviceSettings, readPin } from '../device/options.ts';
import { addressKey, PinDoor, pinLimits } from '../device/pin-door.ts';
import { temporaryFolder } from './harness/programs.ts';

const pin = '408316';
let nowMs = 0;
beforeEach(() => {
  nowMs = 0;
});

describe('the PIN', () => {
  test('is guessed by one address in no time that matters', () => {
    const door = new PinDoor('999999', () => nowMs);
    let tried = 0;
    for (let guess = 0; nowMs < 86_400_000; guess++) {
      const answer = door.open('10.0.0.9', String(guess).padStart(6, '0'));
      tried = door.counters.wrong;
      if ('waitMs' in answer) nowMs += answer.waitMs;
    }
    // One in fifteen minutes, once it has waited longer and longer.
    expect(tried).toBeGreaterThan(90);
    expect(tried).toBeLessThan(120);
  });

  test('is guessed by ten thousand addresses no faster than once a minute, and little of them is remembered', () => {
    const door = new PinDoor('999999', () => nowMs);
    for (let guess = 0; nowMs < 86_400_000; guess++) {
      const answer = door.open(
        `10.${guess % 100}.${Math.floor(guess / 100) % 100}.1`,
        String(guess % 900_000).padStart(6, '0'),
      );
      if ('waitMs' in answer) nowMs += answer.waitMs;
      expect('session' in answer).toBe(false);
    }
    expect(door.counters.wrong).toBeLessThan(1500);
  });

  test('mistakes are forgotten after an hour without another', () => {
    const door = new PinDoor(pin, () => nowMs);
    for (let attempt = 0; attempt < 4; attempt++) door.open('10.0.0.9', '0');
    nowMs = pinLimits.forgetMs;
    expect(door.open('10.0.0.9', '0')).toEqual({ waitMs: 0 });
    for (let attempt = 0; attempt < 3; attempt++) door.open('10.0.0.9', '0');
    expect(door.open('10.0.0.9', '0')).toEqual({ waitMs: 30_000 });
  });

  test('mistakes of one address keep no other waiting', () => {
    const door = new PinDoor(pin, () => nowMs);
    for (let attempt = 0; attempt < 6; attempt++) door.open('10.0.0.9', '0');
    expect(door.open('10.0.0.9', pin)).toMatchObject({ waitMs: 30_000 });
    expect(door.open('10.0.0.10', pin)).toHaveProperty('session');
  });

  test('of IPv6, the network counts, and an address of IPv4 is one in either form', () => {
    expect(addressKey('2001:db8:1:2:3:4:5:6')).toBe(addressKey('2001:db8:1:2:ffff::1'));
    expect(addressKey('2001:db8:1:3::1')).not.toBe(addressKey('2001:db8:1:2::1'));
    expect(addressKey('::ffff:10.0.0.9')).toBe('10.0.0.9');
  });

  test('opens for half an hour without use and half a day in all, to ten browsers', () => {
    const door = new PinDoor(pin, () => nowMs);
    const session = () => {
      const answer = door.open('10.0.0.9', pin);
      return 'session' in answer ? answer.session : '';
    };
    const first = session();
    expect(first).not.toBe('');
    nowMs = pinLimits.idleMs - 1;
    expect(door.isOpen(first)).toBe(true);
    nowMs += pinLimits.idleMs;
    expect(door.isOpen(first)).toBe(false);
    const second = session();
    const startMs = nowMs;
    while (nowMs - startMs < pinLimits.lifeMs - 60_000) {
      nowMs += 60_000;
      expect(door.isOpen(second)).toBe(true);
    }
    nowMs += 60_000;
    expect(door.isOpen(second)).toBe(false);
    const many = Array.from({ length: 11 }, session);
    expect(many.map((each) => door.isOpen(each))).toEqual([false, ...Array(10).fill(true)]);
    expect(door.isOpen('')).toBe(false);
  });

  test('is six digits in a file, or none; anything else stops the device before it starts', () => {
    const folder = temporaryFolder();
    const file = (text: string) => {
      const path = join(folder.path, 'pin');
      writeFileSync(path, text);
      return path;
    };
    expect(readPin(file('408316\n'))).toBe('408316');
    expect(readPin(file('none'))).toBeNull();
    const { statusPinFile } = deviceSettings.shape;
    expect(statusPinFile.safeParse(file('408316')).success).toBe(true);
    for (const text of ['', '40831', '4083161', 'abcdef']) {
      const { error } = statusPinFile.safeParse(file(text));
      expect(error?.issues[0]?.message).toContain('six digits');
    }
    folder.remove();
  });
});
