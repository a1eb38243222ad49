/** Adds one to a counter in a store, again and again, each time under the condition that nobody else has: `store-counter.ts ADDRESS TIMES`. */
import { setTimeout as delay } from 'node:timers/promises';
import { openStore } from '../../relay/objects/open-store.ts';
import { codeOf } from '../../systemd/errors.ts';

const [address = '', times = '1'] = process.argv.slice(2);
const store = await openStore(address);
const encode = (value: number) => Buffer.from(`${value}\n`.padStart(4000));
for (let done = 0; done < Number(times); ) {
  try {
    const there = await store.head('counter');
    if (!there) await store.put('counter', encode(1), { ifAbsent: true });
    else {
      const { body, etag } = await store.get('counter', 10_000);
      await store.put('counter', encode(Number(Buffer.from(body).toString()) + 1), { ifMatch: etag });
    }
    done++;
    process.stdout.write('+\n');
  } catch (error) {
    if (!['store-changed', 'store-exists'].includes(codeOf(error))) throw error;
    await delay(Math.random() * 5);
  }
}
