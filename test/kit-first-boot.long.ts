import { expect, test } from 'vitest';
import { type Kind, KitRoot } from './harness/kit-root.ts';

// About two minutes: a power failure before each command of the first boot, and two in a row.

const kinds: readonly Kind[] = ['device', 'display'];

function inKit<T>(kind: Kind, use: (kit: KitRoot) => T): T {
  const kit = new KitRoot(kind);
  try {
    return use(kit);
  } finally {
    kit.remove();
  }
}

test.each(kinds)('a %s kit ends the same whichever command the power failed before, also twice', (kind) => {
  const { wanted, count } = inKit(kind, (kit) => {
    kit.run('first-boot.sh');
    return { wanted: kit.lasting(), count: kit.calls.length };
  });
  for (let cutAt = 1; cutAt < count; cutAt++)
    inKit(kind, (kit) => {
      expect(kit.run('first-boot.sh', { cutAt }).signal, `before command ${cutAt}`).toBe('SIGKILL');
      kit.run('first-boot.sh', { cutAt: ((cutAt * 7) % (count - 1)) + 1 });
      expect(kit.run('first-boot.sh').status, `after a cut before command ${cutAt}`).toBe(0);
      expect(kit.lasting(), `after a cut before command ${cutAt}`).toEqual(wanted);
    });
});
