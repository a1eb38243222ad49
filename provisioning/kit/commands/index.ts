import type { Command } from '../command.ts';
import { bundle } from './bundle.ts';
import { devices } from './devices.ts';
import { enrol } from './enrol.ts';
import { flash } from './flash.ts';
import { plan } from './plan.ts';
import { release } from './release.ts';
import { reseed } from './reseed.ts';
import { sheet } from './sheet.ts';
import { verify } from './verify.ts';

/** All commands of `sala-kit`, in the order of an evening's work. */
export const commands: readonly Command[] = [plan, bundle, release, enrol, devices, flash, reseed, verify, sheet];
