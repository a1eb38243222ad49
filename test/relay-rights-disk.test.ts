import { expect, test } from 'vitest';
import { AdminToken } from '../relay/admin-token.ts';
import { openDatabase } from '../relay/database.ts';
import { Origins } from '../relay/origins.ts';
import { Rights } from '../relay/rights.ts';
import { Rooms } from '../relay/rooms.ts';
import { origin } from './harness/api.ts';
import { adminSecret, captureLog } from './harness/doors.ts';
import { SmallDisk } from './harness/small-disk.ts';

test('on a disk that is full to the last byte, organizers get in and act; nothing of it is lost when there is room again', ({
  skip,
  onTestFinished,
}) => {
  const disk = SmallDisk.mount(4);
  if (typeof disk === 'string') return skip(disk);
  onTestFinished(() => disk.unmount());
  const db = openDatabase(disk.path);
  onTestFinished(() => db.close());
  const opened = () => {
    const origins = new Origins([origin]);
    return new Rights({ db, adminToken: new AdminToken(adminSecret), origins, log: captureLog().log });
  };
  new Rooms(db, { language: 'en-US', engine: 'script:load' }).put('verdi', {});
  const rights = opened();
  const screen = rights.tokens.create('verdi', 'read', 'screen');
  const ended: string[] = [];
  rights.tokens.onEnded((id) => ended.push(id));
  disk.fill();
  const login = rights.access.login({ token: adminSecret, origin });
  if ('status' in login) throw new Error(login.message);
  const cookie = /^[^;]*/.exec(login.setCookie)?.[0];
  const byCookie = (of: Rights) => of.access.decide({ token: null, cookie, origin, acts: true }, 'admin', null);
  expect(byCookie(rights)).toMatchObject({ actor: 'admin token of the file' });
  expect(() => rights.tokens.delete('verdi', screen.id)).toThrow(expect.objectContaining({ code: 'disk' }));
  expect(ended).toEqual([screen.id]);
  const reads = (of: Rights) => of.access.decide({ token: screen.token }, 'read', { name: 'verdi', public: false });
  expect(reads(rights)).toMatchObject({ code: 'token-ended' });
  for (let i = 0; i < 50; i++)
    rights.audit.note({ actor: 'x', address: '', act: `act ${i}`, room: null, detail: { i } });
  expect(rights.audit.waiting).toBeGreaterThan(40); // what little the log of the database had left may be used
  expect(rights.audit.list({ limit: 100 }).entries).toHaveLength(50);

  disk.free();
  rights.tokens.sweep();
  rights.sessions.sweep();
  rights.audit.flush();
  const restarted = opened();
  expect(byCookie(restarted)).toMatchObject({ actor: 'admin token of the file' });
  expect(reads(restarted)).toMatchObject({ code: 'token-ended' });
  expect(restarted.audit.list({ limit: 100 }).entries.map(({ act }) => act)).toEqual(
    Array.from({ length: 50 }, (_, i) => `act ${49 - i}`),
  );
  expect(rights.audit.lost).toBe(0);
});
