import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, SalaError } from '../../systemd/errors.ts';
import type { ReadingReply } from './reading.ts';
import { type Expected, rowsOf } from './transcript-rows.ts';

const { bytes, expected }: { bytes: Uint8Array; expected: Expected } = workerData;

function reply(): ReadingReply {
  try {
    return { transcript: rowsOf(bytes, expected) };
  } catch (error) {
    const { code, hint } = error instanceof SalaError ? error : { code: 'transcript-invalid', hint: '' };
    return { code, hint, message: messageOf(error) };
  }
}

parentPort?.postMessage(reply());
