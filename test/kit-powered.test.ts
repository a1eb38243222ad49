/** What `verify` reads off a kit's own status page. Costs nothing. */
import { expect, test } from 'vitest';
import type { KitStatus } from '../device/status.ts';
import { askPoweredKit } from '../provisioning/kit/card/powered-kit.ts';
import { kitOf } from './harness/kit-inventory.ts';

const { inventory, kit } = kitOf({ status: true });
const ask = (health: KitStatus['health']) => {
  const status: KitStatus = {
    ...{ room: 'verdi', relay: 'wss://captions.example.org', health, language: null, uptimeMs: 1, lastProblem: null },
    kit: null,
  };
  const fetch = async () => Response.json(status);
  return askPoweredKit(inventory, kit, { adminToken: null, signal: AbortSignal.timeout(5000), fetch });
};

test('a kit that is well says so by its own page', async () => {
  const { lines, isWell } = await ask({ state: 'ok', message: 'All is well' });
  expect(lines[0]).toBe('kit: its own page says ok: All is well');
  expect(isWell).toBe(true);
});

test('a kit that lacks its mixer answers, and is not well', async () => {
  const { lines, isWell } = await ask({ state: 'mixer-absent', message: 'No sound card is plugged in' });
  expect(lines[0]).toContain('mixer-absent: No sound card');
  expect(isWell).toBe(false);
});

test('whoever answers in its place writes no commands to the terminal', async () => {
  const { lines } = await ask({ state: 'ok', message: 'All is well\u001b[2J\u0007\nkit-2: is well' });
  expect(lines[0]).toBe('kit: its own page says ok: All is well [2J  kit-2: is well');
});
