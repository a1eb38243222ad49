import type { Command } from '../command.ts';
import { release } from './release.ts';

/** All commands of `sala-kit`, in the order of an evening's work. */
export const commands: readonly Command[] = [release];
