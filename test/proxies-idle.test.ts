import { expect, test } from 'vitest';
import { ProxiedRelay, proxyKinds } from './harness/proxied-relay.ts';

/** Longer than the relay is ever silent: its longest interval between pings is 15 s. What is shipped is 60 s and more. */
const idleSeconds = 20;

test(`an idle room stays connected for longer than the ${idleSeconds} s after which both proxies give up`, {
  timeout: 90_000,
}, async () => {
  const behind = await ProxiedRelay.start(idleSeconds);
  try {
    const cuts = await Promise.all(proxyKinds.map((kind) => behind.idleRoom(kind)));
    await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1000 + 5000)); // the promise is about this time
    for (const each of cuts) expect(each()).toEqual({ kit: 0, reader: 0, organizer: 0 });
  } finally {
    await behind.stop();
  }
});
