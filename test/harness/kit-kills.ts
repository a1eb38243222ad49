import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { expect } from 'vitest';
import { newKey } from './kits.ts';
import { lastingPort } from './ports.ts';
import { remember, TestRelay, temporaryFolder } from './programs.ts';

/** Asks a relay to enrol a kit; the status, or null where no answer came. */
async function ask(url: string, token: string, key: string): Promise<number | null> {
  const asked = fetch(`${url}/api/enrolment`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key, version: '1.0.0' }),
  });
  return asked.then(
    ({ status }) => status,
    () => null,
  );
}

const keysIn = (dataDir: string, kit: string) => {
  const db = new BetterSqlite(join(dataDir, 'relay.db'), { readonly: true });
  const ids = db
    .prepare<[string], string>(`SELECT id FROM tokens WHERE kit = ? AND access = 'kit' AND revoked = 0`)
    .pluck()
    .all(kit);
  db.close();
  return ids;
};

/**
 * Kills the relay with SIGKILL while kits are enrolled for the second time, starts it again and lets each kit ask once more:
 * it has one key then, the one that it made last.
 * @returns how many enrolments were cut off before their answer
 */
export async function killWhileEnrolling(rounds: number): Promise<number> {
  const folder = temporaryFolder();
  const dataDir = folder.path;
  const port = await lastingPort();
  let relay = await TestRelay.start({ dataDir, port });
  let cut = 0;
  try {
    await relay.room('verdi');
    for (let round = 0; round < rounds; round++) {
      const kit = `verdi-${round}`;
      const made = await relay.call<{ token: string }>('POST', '/api/kits', {
        name: kit,
        kind: 'device',
        room: 'verdi',
      });
      const first = remember(newKey());
      expect(await ask(relay.url, remember(made.token), first)).toBe(200);
      const { token } = await relay.call<{ token: string }>('POST', `/api/kits/${kit}/enrolment`);
      const second = remember(newKey());
      const answer = ask(relay.url, remember(token), second);
      await new Promise((resolve) => setTimeout(resolve, (round * 1.7) % 12));
      relay.program.kill();
      if ((await answer) === null) cut++;
      await relay.program.exit;
      const between = keysIn(dataDir, kit);
      expect(between).toHaveLength(1);
      expect([first, second].map((key) => key.slice(4, 16))).toContain(between[0]);
      relay = await TestRelay.start({ dataDir, port });
      expect(await ask(relay.url, token, second)).toBe(200);
      expect(await ask(relay.url, token, remember(newKey()))).toBe(409);
      expect(keysIn(dataDir, kit)).toEqual([second.slice(4, 16)]);
      const source = (key: string) =>
        fetch(`${relay.url}/api/rooms/verdi/source`, { headers: { authorization: `Bearer ${key}` } });
      expect((await source(second)).status).toBe(200);
      expect((await source(first)).status).toBe(401);
    }
  } finally {
    await relay.stop();
    folder.remove();
  }
  return cut;
}
