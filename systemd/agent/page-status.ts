import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { KitHealth } from '../../relay/kit-protocol.ts';
import type { Explained } from '../errors.ts';

/** What the kiosk writes of its screen, as far as it matters here. */
const report = z.object({
  state: z.string().max(40),
  message: z.string(),
  hint: z.string(),
  beatAgeMs: z.number().min(0).nullable(),
  shows: z.string().transform((each) => each.slice(0, 500)),
  /** Of the machine, when this was written. */
  uptimeMs: z.number().min(0),
});

export interface PageStatus {
  readonly page: NonNullable<KitHealth['page']>;
  /** What of the screen needs a person; null where nothing does. */
  readonly problem: Explained | null;
  /** The kiosk does its work: its page paints, or there is no screen to paint on. */
  readonly isWell: boolean;
}

/** A page that has not painted for longer does not work; the kiosk writes each few seconds. */
const maxAgeMs = 30_000;
/** Of the screen, not of the kit: a television that is off must not count against a program. */
const noScreen = /^(unplugged|hidden)$/;
const maxReportBytes = 64 * 1024;

/** The folder is the display's own: whoever broke into it must not have this program read what is another's, or without end. */
async function readReport(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size > maxReportBytes) throw new Error('it is no report');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxReportBytes), 0, maxReportBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** What the display wrote of its page; a file that is not written any more ages with it. Null where there is none.
 * @param uptimeMs of the machine: no clock that may jump */
export async function readPageStatus(path: string, uptimeMs: () => number): Promise<PageStatus | null> {
  try {
    const { state, message, hint, beatAgeMs, shows, uptimeMs: atMs } = report.parse(JSON.parse(await readReport(path)));
    const ageMs = Math.max(0, uptimeMs() - atMs);
    const beat = beatAgeMs === null ? null : Math.round(beatAgeMs + ageMs);
    const isSilent = ageMs > maxAgeMs;
    const silent = {
      code: 'screen-silent',
      message: 'The program of the screen does not answer',
      hint: 'It is started again by itself; if this stays, switch the kit off and on.',
    };
    const said = { code: `screen-${state}`, message, hint };
    const isFault = !/^(starting|showing)$/.test(state);
    return {
      page: { beatAgeMs: beat, shows },
      problem: isSilent ? silent : isFault ? said : null,
      isWell: !isSilent && (noScreen.test(state) || (beat ?? Number.POSITIVE_INFINITY) < maxAgeMs),
    };
  } catch {
    return null;
  }
}
