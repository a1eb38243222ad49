import type { Command } from '../command.ts';
import { bundle } from './bundle.ts';
import { devices } from './devices.ts';
import { enrol } from './enrol.ts';
import { flash } from './flash.ts';
import { plan } from './plan.ts';
import { release } from './release.ts';
import { sheet } from './sheet.ts';

/** All commands of `sala-kit`, in the order of an evening's work. */
export const commands: readonly Command[] = [plan, bundle, release, enrol, devices, flash, sheet];
