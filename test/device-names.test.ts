import type { LookupAddress } from 'node:dns';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Names } from '../device/names.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A resolver that answers when it is told to. */
class SlowResolver {
  readonly questions: { resolve(addresses: LookupAddress[]): void; reject(error: Error): void }[] = [];
  readonly names = new Names({
    patienceMs: 300,
    resolve: () => new Promise((resolve, reject) => this.questions.push({ resolve, reject })),
  });

  /** The address that a socket gets. */
  ask(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.names.lookup('relay.example', {}, (error, address) => (error ? reject(error) : resolve(address)));
    });
  }

  /** The first question is answered. */
  async known(address: string): Promise<void> {
    const asked = this.ask();
    this.questions.shift()?.resolve([{ address, family: 4 }]);
    expect(await asked).toBe(address);
  }
}

const failure = (code: string) => Object.assign(new Error(code), { code });

test('a name is asked for once at a time, however many attempts want it', async () => {
  const resolver = new SlowResolver();
  const asked = [resolver.ask(), resolver.ask(), resolver.ask()];
  expect(resolver.questions.length).toBe(1);
  resolver.questions[0]?.resolve([{ address: '192.0.2.1', family: 4 }]);
  expect(await Promise.all(asked)).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.1']);
});

test('where no answer comes the last one counts, and a later one is taken up', async () => {
  const resolver = new SlowResolver();
  await resolver.known('192.0.2.1');
  const asked = resolver.ask();
  await vi.advanceTimersByTimeAsync(300);
  expect(await asked).toBe('192.0.2.1');
  resolver.questions.shift()?.resolve([{ address: '192.0.2.2', family: 4 }]);
  await vi.advanceTimersByTimeAsync(0);
  const again = resolver.ask();
  await vi.advanceTimersByTimeAsync(300);
  expect(await again).toBe('192.0.2.2');
});

test('a resolver without a network does not hide the last answer; one that says there is no such name does', async () => {
  const resolver = new SlowResolver();
  await resolver.known('192.0.2.1');
  const asked = resolver.ask();
  resolver.questions.shift()?.reject(failure('EAI_AGAIN'));
  expect(await asked).toBe('192.0.2.1');
  const again = resolver.ask();
  resolver.questions.shift()?.reject(failure('ENOTFOUND'));
  await expect(again).rejects.toThrow('ENOTFOUND');
});
