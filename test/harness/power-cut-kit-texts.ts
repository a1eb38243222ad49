/** What `power-cut-kit.ts` writes: of several sectors, each of which tells which round it is of. */
export const keyText = (round: number): string => `key ${round}\n`.repeat(200);
export const tokenText = (round: number): string => `secret ${round}\n`.repeat(200);
