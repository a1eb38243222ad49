/**
 * Loaded with `--import` into a program under test: at SIGUSR2 it hangs in the way that SALA_TEST_HANG names. The program
 * itself is not touched before.
 */
import { isMainThread } from 'node:worker_threads';

const hangs: Readonly<Record<string, () => void | Promise<void>>> = {
  /** Sound comes, and goes nowhere. */
  async capture() {
    const { Framer } = await import('../../device/framer.ts');
    Framer.prototype.audio = () => {};
  },
  loop() {
    const end = performance.now() + 120_000;
    while (performance.now() < end);
  },
  none() {},
};

if (isMainThread) process.on('SIGUSR2', () => void hangs[process.env.SALA_TEST_HANG ?? 'none']?.());
