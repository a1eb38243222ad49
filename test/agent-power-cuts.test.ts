import { describe, expect, test } from 'vitest';
import type { Agent } from '../systemd/agent/agent.ts';
import { enrolmentToken, kitPaths, testAgent } from './harness/kit-agent.ts';
import { type CutKind, MemoryCard } from './harness/memory-card.ts';
import { seeded } from './harness/random.ts';
import { until } from './harness/until.ts';

// The whole agent on a card in memory; the relay is the few lines below. About 4 s.

const secrets = ['the-pin-of-the-kit', 'the-pass-phrase', 'the-copy-of-cloud-init'];
const seed = 'sala-1-abc';

/** A relay that exchanges tokens as the real one does: once, and the same key again is answered the same. */
class TokenDesk {
  readonly taken = new Map<string, string>();
  calls = 0;

  constructor(...tokens: string[]) {
    for (const token of tokens) this.taken.set(token, '');
  }

  exchange(token: string, key: string): Response {
    this.calls++;
    const before = this.taken.get(token);
    const refused = (code: string) => Response.json({ error: { code, message: 'no' } }, { status: 403 });
    if (before === undefined) return refused('enrolment-unknown');
    if (before !== '' && before !== key) return refused('enrolment-used');
    this.taken.set(token, key);
    const kit = { name: 'sala-1', kind: 'display' };
    return Response.json({ kit, room: { name: 'aula', title: 'Aula' }, at: Date.now() });
  }
}

class Kit {
  readonly card = new MemoryCard();
  readonly desk: TokenDesk;
  /** What the programs of the kit loaded last. */
  loaded = 'not-enrolled';
  #agent: Agent | null = null;

  constructor(token: string, desk = new TokenDesk(token)) {
    this.desk = desk;
    this.write(token);
  }

  /** What `flash` and `reseed` put on the card, and cloud-init's first start. */
  write(token: string): void {
    this.card
      .put(kitPaths.token, `${token}\n`)
      .put('/boot/user-data', `#cloud-config\n${secrets[0]}`)
      .put('/boot/network-config', `${secrets[1]}`)
      .put('/boot/cmdline.txt', 'ds=nocloud')
      .put('/cloud/instances/abc/user-data.txt', `${secrets[2]}`)
      .put('/cloud/instances/abc/sem/config_users', 'done')
      .put(kitPaths.firstBoot, seed);
  }

  /** Starts it; programs load the key that is there, as at each start of the machine. */
  async start(cut: { step: number; kind: CutKind } | null = null): Promise<void> {
    this.card.switchOn(cut);
    this.loaded = this.card.text(kitPaths.key)?.trim() ?? 'not-enrolled';
    const load = async () => {
      this.loaded = this.card.text(kitPaths.key)?.trim() ?? 'not-enrolled';
    };
    const fetch: typeof globalThis.fetch = async (input, init) => {
      if (!String(input).endsWith('/api/enrolment')) throw new Error('no network');
      const headers = new Headers(init?.headers);
      const body: { key: string } = JSON.parse(String(init?.body));
      const token = headers.get('authorization')?.slice('Bearer '.length) ?? '';
      return this.card.step(async () => this.desk.exchange(token, body.key));
    };
    const agent = testAgent({
      ...{ files: this.card, relay: 'ws://127.0.0.1:9', fetch, seedId: async () => seed, random: () => 0 },
      units: { restart: () => this.card.step(load) },
    });
    this.#agent = agent;
    await agent.start();
  }

  async stop(): Promise<void> {
    await this.#agent?.stop();
  }

  get isClean(): boolean {
    const left = [
      kitPaths.token,
      kitPaths.candidate,
      '/boot/user-data',
      '/boot/network-config',
      '/cloud/instances/abc/user-data.txt',
    ];
    return left.every((path) => !this.card.files.has(path));
  }

  /** Starts it and lets it come to its end. */
  async heal(): Promise<void> {
    await this.start();
    await until(() => (this.isClean && this.loaded !== 'not-enrolled') || undefined, { what: 'the end', everyMs: 2 });
    await this.stop();
  }

  expectEnrolled(token: string): void {
    const key = this.card.text(kitPaths.key)?.trim();
    expect(key).toMatch(/^kit_/);
    expect(this.desk.taken.get(token), 'the key that the relay took').toBe(key);
    expect(this.loaded, 'the key that the programs use').toBe(key);
    expect(this.card.files.has(kitPaths.candidate)).toBe(false);
    const raw = this.card.raw('/boot') + this.card.raw('/cloud');
    for (const secret of [token, ...secrets]) expect(raw.includes(secret), `${secret} on the card`).toBe(false);
    expect(this.card.text('/cloud/instances/abc/sem/config_users')).toBe('done');
    expect(this.card.text('/boot/cmdline.txt')).toBe('ds=nocloud');
  }
}

const kinds: CutKind[] = ['before', 'torn', 'after'];

/** @returns whether the power was cut before all was done */
async function cutOnce(kit: Kit, step: number, kind: CutKind): Promise<boolean> {
  const starting = kit.start({ step, kind }).catch(() => {});
  await until(() => kit.card.isOff || (kit.isClean && kit.loaded !== 'not-enrolled') || undefined, {
    what: 'the cut',
    everyMs: 2,
  });
  await starting;
  await kit.stop();
  return kit.card.isOff;
}

describe.concurrent('a power cut while a kit enrols', () => {
  test.each(kinds)('at every step (%s) leaves a kit that the next start enrols, with one key', async (kind) => {
    let steps = 0;
    for (let step = 1; ; step++) {
      const token = enrolmentToken();
      const kit = new Kit(token);
      if (!(await cutOnce(kit, step, kind))) break;
      await kit.heal();
      kit.expectEnrolled(token);
      steps = step;
    }
    expect(steps).toBeGreaterThan(12);
  });

  test('at every step of enrolling anew leaves the old key or the new one in force, and then the new one', async () => {
    for (let step = 1; ; step++) {
      const [first, second] = [enrolmentToken(), enrolmentToken()];
      const desk = new TokenDesk(first, second);
      const kit = new Kit(first, desk);
      await kit.heal();
      kit.write(second);
      kit.card.freed.length = 0;
      const wasCut = await cutOnce(kit, step, kinds[step % 3] ?? 'before');
      const key = kit.card.text(kitPaths.key)?.trim();
      expect([desk.taken.get(first), desk.taken.get(second)]).toContain(key);
      if (!wasCut) break;
      await kit.start();
      await until(() => (kit.isClean && kit.loaded === desk.taken.get(second)) || undefined, { what: 'the new key' });
      await kit.stop();
      kit.expectEnrolled(second);
    }
  });

  test('again and again, at random, comes to the same end', async () => {
    const random = seeded(20261121);
    for (let run = 0; run < 8; run++) {
      const token = enrolmentToken();
      const kit = new Kit(token);
      for (let cuts = 0; cuts < 6; cuts++)
        await cutOnce(kit, 1 + Math.floor(random() * 12), kinds[Math.floor(random() * 3)] ?? 'torn');
      await kit.heal();
      kit.expectEnrolled(token);
    }
  });
});
