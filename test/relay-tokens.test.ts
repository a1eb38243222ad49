import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AdminToken } from '../relay/admin-token.ts';
import { Origins } from '../relay/origins.ts';
import { Rights } from '../relay/rights.ts';
import { Tokens } from '../relay/tokens.ts';
import { adminSecret } from './harness/doors.ts';
import { FakeRooms } from './harness/fake-rooms.ts';

const hourMs = 3_600_000;

describe('tokens', () => {
  let rooms: FakeRooms;
  let now: number;
  let tokens: Tokens;
  let ended: string[];

  beforeEach(() => {
    rooms = new FakeRooms();
    rooms.put('verdi');
    rooms.put('rossini');
    now = 1_000_000_000;
    tokens = new Tokens(rooms.db, () => now);
    ended = [];
    tokens.onEnded((id) => ended.push(id));
  });
  afterEach(() => rooms.remove());

  test('say what they are by their prefix, and have a key id and 256 bits of secret', () => {
    const seen = new Set<string>();
    for (const [room, access, prefix] of [
      ['verdi', 'publish', 'pub'],
      ['verdi', 'read', 'sub'],
      [null, 'read', 'sub'],
      [null, 'admin', 'adm'],
    ] as const) {
      const { id, token } = tokens.create(room, access, 'x');
      expect(token).toMatch(new RegExp(`^${prefix}_${id}_[\\w-]{43}$`));
      expect(tokens.identify(token)).toEqual({ id, room, access, kit: null, label: 'x', expiresMs: null });
      seen.add(token.slice(-43));
    }
    expect(seen.size).toBe(4);
  });

  test('are good for nothing with another prefix, id or secret', () => {
    const { token } = tokens.create('verdi', 'publish', '');
    const other = tokens.create('verdi', 'publish', '').token;
    for (const wrong of [
      token.replace('pub_', 'adm_'),
      token.replace('pub_', 'sub_'),
      `${token.slice(0, 17)}${other.slice(17)}`,
      `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
      token.toUpperCase(),
      `${token} `,
      token.slice(0, -1),
      `${token}A`,
      '',
      'constructor',
    ]) {
      expect(tokens.identify(wrong), wrong).toBeNull();
      expect(tokens.hasEnded(wrong), wrong).toBe(false);
    }
  });

  test('expire to the millisecond, and who listens is told once within a sweep', () => {
    const { id, token } = tokens.create('verdi', 'read', '', now + 10_000);
    now += 9999;
    tokens.sweep();
    expect(tokens.identify(token)).not.toBeNull();
    expect(ended).toEqual([]);
    now += 1;
    expect(tokens.identify(token)).toBeNull();
    expect(tokens.get(id)).toBeNull();
    expect(tokens.hasEnded(token)).toBe(true);
    tokens.sweep();
    tokens.sweep();
    expect(ended).toEqual([id]);
    expect(tokens.list('verdi')).toMatchObject([{ id, expiresMs: now }]);
    now += 31 * 24 * hourMs;
    tokens.sweep();
    expect(tokens.list('verdi')).toEqual([]);
    expect(tokens.hasEnded(token)).toBe(false);
  });

  test('expire also when the clock jumps, and once more where it was set back in between', () => {
    const { id } = tokens.create('verdi', 'read', '', now + 10_000);
    now += 400 * hourMs;
    tokens.sweep();
    expect(ended).toEqual([id]);
    now -= 400 * hourMs;
    tokens.sweep();
    expect(tokens.get(id)).not.toBeNull();
    now += 11_000;
    tokens.sweep();
    expect(ended).toEqual([id, id]);
  });

  test('that would have expired already are not made', () => {
    expect(() => tokens.create('verdi', 'read', '', now)).toThrow(expect.objectContaining({ code: 'token-past' }));
    expect(tokens.list('verdi')).toEqual([]);
  });

  test('are as many as a limit says; ended ones make place', () => {
    const few = new Tokens(rooms.db, () => now, { maxTokens: 2 });
    const { id } = few.create('verdi', 'read', '');
    few.create('verdi', 'read', '', now + 1000);
    expect(() => few.create('verdi', 'read', '')).toThrow(expect.objectContaining({ code: 'tokens-full' }));
    few.create('rossini', 'read', '');
    few.create(null, 'read', '');
    few.delete('verdi', id);
    few.create('verdi', 'read', '');
    now += 1000;
    few.create('verdi', 'read', '');
    expect(() => few.create('verdi', 'read', '')).toThrow(expect.objectContaining({ code: 'tokens-full' }));
  });

  test('are revoked where they were made, and remembered as revoked', () => {
    const { id, token } = tokens.create('verdi', 'read', '');
    expect(tokens.delete('rossini', id)).toBe(false);
    expect(tokens.delete(null, id)).toBe(false);
    expect(tokens.identify(token)).not.toBeNull();
    expect(tokens.delete('verdi', id)).toBe(true);
    expect(ended).toEqual([id]);
    expect(tokens.identify(token)).toBeNull();
    expect(tokens.hasEnded(token)).toBe(true);
    expect(tokens.list('verdi')).toEqual([]);
    expect(tokens.delete('verdi', id)).toBe(false);
    const again = new Tokens(rooms.db, () => now);
    expect(again.identify(token)).toBeNull();
    expect(again.hasEnded(token)).toBe(true);
  });

  test('are two while one takes the place of the other, and never three', () => {
    const old = tokens.create('verdi', 'publish', 'kit');
    now += 1; // the list is by the time of making
    const next = tokens.rotate('verdi', old.id, 2 * hourMs);
    if (!next) throw new Error('no rotation');
    const [first, second] = [old, next].map(({ token }) => tokens.identify(token));
    expect(first).toMatchObject({ access: 'publish', expiresMs: now + 2 * hourMs });
    expect(second).toMatchObject({ access: 'publish', room: 'verdi', label: 'kit', expiresMs: null });
    expect(tokens.list('verdi')).toMatchObject([
      { id: old.id, successor: next.id },
      { id: next.id, successor: null },
    ]);
    for (const { id } of [old, next])
      expect(() => tokens.rotate('verdi', id, hourMs)).toThrow(expect.objectContaining({ code: 'token-rotating' }));
    now += 2 * hourMs;
    tokens.sweep();
    expect(ended).toEqual([old.id]);
    expect(tokens.identify(old.token)).toBeNull();
    expect(tokens.identify(next.token)).not.toBeNull();
    expect(tokens.rotate('verdi', next.id, hourMs)).not.toBeNull();
    expect(() => tokens.rotate('verdi', old.id, hourMs)).toThrow(expect.objectContaining({ code: 'token-past' }));
  });

  test('never live longer by a rotation, and end at once without an overlap', () => {
    const end = now + hourMs;
    const short = tokens.create('verdi', 'read', '', end);
    const next = tokens.rotate('verdi', short.id, 24 * hourMs);
    expect(tokens.get(short.id)?.expiresMs).toBe(end);
    expect(tokens.get(next?.id ?? '')?.expiresMs).toBe(end);
    const last = tokens.create('verdi', 'read', '');
    const replacing = tokens.rotate('verdi', last.id, 0, now + 5 * hourMs);
    expect(ended).toEqual([last.id]);
    expect(tokens.identify(last.token)).toBeNull();
    expect(tokens.get(replacing?.id ?? '')?.expiresMs).toBe(now + 5 * hourMs);
  });

  test('whose successor was revoked can be rotated again; another room cannot rotate them', () => {
    const old = tokens.create(null, 'admin', '');
    expect(tokens.rotate('verdi', old.id, hourMs)).toBeNull();
    const next = tokens.rotate(null, old.id, hourMs);
    tokens.delete(null, next?.id ?? '');
    expect(tokens.list(null)).toMatchObject([{ id: old.id, successor: null }]);
    expect(tokens.rotate(null, old.id, hourMs)).not.toBeNull();
    expect(tokens.rotate(null, next?.id ?? '', hourMs)).toBeNull();
    expect(tokens.rotate(null, 'none', hourMs)).toBeNull();
  });

  test('know when they were used last, also after a restart', () => {
    const { id, token } = tokens.create('verdi', 'read', '');
    expect(tokens.list('verdi')[0]?.lastUsedMs).toBeNull();
    tokens.identify(token);
    now += 90_000;
    tokens.use(id);
    now += 30_000;
    tokens.identify(token);
    expect(tokens.list('verdi')[0]?.lastUsedMs).toBe(1_000_090_000);
    tokens.keep();
    expect(new Tokens(rooms.db, () => now).list('verdi')[0]?.lastUsedMs).toBe(1_000_090_000);
  });

  test('revoked while the disk takes nothing are revoked all the same, and for good once it does', () => {
    const { id, token } = tokens.create('verdi', 'read', '');
    rooms.db.pragma('query_only = ON'); // SQLITE_READONLY, as a disk that was mounted so
    expect(() => tokens.delete('verdi', id)).toThrow(expect.objectContaining({ code: 'disk' }));
    expect(ended).toEqual([id]);
    expect(tokens.identify(token)).toBeNull();
    expect(tokens.hasEnded(token)).toBe(true);
    expect(tokens.list('verdi')).toEqual([]);
    expect(() => tokens.create('verdi', 'read', '')).toThrow(expect.objectContaining({ code: 'disk' }));
    expect(new Tokens(rooms.db, () => now).identify(token)).not.toBeNull(); // what a restart at this moment would do
    tokens.sweep();
    rooms.db.pragma('query_only = OFF');
    tokens.sweep();
    expect(new Tokens(rooms.db, () => now).identify(token)).toBeNull();
  });

  test('are not told in clear by a byte of the database, its log and its copy', () => {
    const all = [
      tokens.create('verdi', 'publish', ''),
      tokens.create('verdi', 'read', ''),
      tokens.create(null, 'read', ''),
      tokens.create(null, 'admin', ''),
    ];
    const next = tokens.rotate('verdi', all[0]?.id ?? '', hourMs);
    for (const { token } of all) tokens.identify(token);
    tokens.keep();
    rooms.db.updateCopy();
    const bytes = Buffer.concat(readdirSync(rooms.dir).map((name) => readFileSync(join(rooms.dir, name))));
    expect(bytes.includes(all[0]?.id ?? 'x')).toBe(true); // it is where tokens are kept
    for (const { token } of [...all, ...(next ? [next] : [])]) {
      expect(bytes.includes(token.slice(-43))).toBe(false);
      expect(bytes.includes(Buffer.from(token.slice(-43), 'base64url'))).toBe(false);
    }
  });
});

test('a sweep that fails is told once, and goes on when its cause is gone', () => {
  const rooms = new FakeRooms();
  const lines: unknown[] = [];
  vi.useFakeTimers();
  try {
    const log = { info: () => {}, error: (line: unknown) => void lines.push(line) };
    const rights = new Rights({
      ...{ db: rooms.db, log, origins: new Origins() },
      adminToken: new AdminToken(adminSecret),
    });
    rooms.put('verdi');
    const ended: string[] = [];
    rights.tokens.onEnded((id) => ended.push(id));
    const { id } = rights.tokens.create('verdi', 'read', '', Date.now() + 2000);
    const broken = vi.spyOn(rooms.db, 'prepare').mockImplementation(() => {
      throw new Error('unreadable');
    });
    rights.start();
    vi.advanceTimersByTime(3000);
    expect(lines).toHaveLength(1);
    expect(ended).toEqual([]);
    broken.mockRestore();
    vi.advanceTimersByTime(1000);
    expect(ended).toEqual([id]);
    rights.stop();
    rights.stop();
  } finally {
    vi.useRealTimers();
    rooms.remove();
  }
});
