import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, SalaError } from '../../systemd/errors.ts';
import { type ReadingOptions, readSchedule } from './formats.ts';
import type { ReadingReply } from './reading.ts';

const { bytes, options }: { bytes: Uint8Array; options: ReadingOptions } = workerData;

function reply(): ReadingReply {
  try {
    return { file: readSchedule(bytes, options) };
  } catch (error) {
    return { message: messageOf(error), hint: error instanceof SalaError ? error.hint : '' };
  }
}

parentPort?.postMessage(reply());
