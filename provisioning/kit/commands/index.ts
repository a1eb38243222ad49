import type { Command } from '../command.ts';

/** All commands of `sala-kit`, in the order of an evening's work. */
export const commands: readonly Command[] = [];
