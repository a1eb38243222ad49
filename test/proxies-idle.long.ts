import { expect, test } from 'vitest';
import { ProxiedRelay, proxyKinds } from './harness/proxied-relay.ts';

/** The longest time-out that is shipped: Caddy's, of connections without a request; nginx gives up after 60 s. */
const longestSeconds = 300;

test('an idle room stays connected past every time-out that is shipped', async () => {
  const behind = await ProxiedRelay.start();
  try {
    const cuts = await Promise.all(proxyKinds.map((kind) => behind.idleRoom(kind)));
    await new Promise((resolve) => setTimeout(resolve, longestSeconds * 1000 + 30_000)); // the promise is about this time
    for (const each of cuts) expect(each()).toEqual({ kit: 0, reader: 0, organizer: 0 });
  } finally {
    await behind.stop();
  }
});
