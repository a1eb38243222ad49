import { maxOverrunMs, type ScheduledTalk } from './talks.ts';
import type { Transcript } from './transcript.ts';

/** A talk that overruns is over with a pause of this length. */
const pauseMs = 5 * 60_000;

/**
 * The stretch of room time that is a talk: from its start to its end. Where words went on at its end it is longer, to the
 * first pause of five minutes, and at the latest to the start of the next talk, or three hours.
 * @param talks of its room, by start
 * @param step resolves when the next page of captions may be read
 */
export async function stretchOf(
  talk: ScheduledTalk,
  talks: readonly ScheduledTalk[],
  spoken: Pick<Transcript, 'pages'>,
  step: () => Promise<void>,
): Promise<{ from: number; to: number }> {
  const { start: from, end } = talk;
  const next = talks.find((each) => each.id !== talk.id && each.start > from)?.start ?? Number.POSITIVE_INFINITY;
  const limit = Math.min(next, end + maxOverrunMs);
  let to = end;
  // With nothing said for so long before its end, it was over then.
  let silentFrom = end - pauseMs;
  if (limit > end)
    for (const page of spoken.pages({ from: silentFrom, to: limit })) {
      for (const { caption } of page) {
        if (caption.start - silentFrom > pauseMs) return { from, to };
        silentFrom = Math.max(silentFrom, caption.end);
        to = Math.min(limit, Math.max(to, caption.end));
      }
      await step();
    }
  return { from, to };
}
