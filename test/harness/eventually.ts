import { expect } from 'vitest';

/** Asks again until what is expected holds; on a machine with much else to do that may take a while. */
export const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 15_000 });
