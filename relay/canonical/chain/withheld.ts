import type { CanonicalTranscript, LiveTranscript } from '../contract.ts';
import { type Interval, Stretches } from './stretches.ts';

/** Engines that make up sentences where nobody speaks. */
const inventive = new Set(['whisper']);
/** Shown to organizers. */
const reason = 'No live word was said in the same time.';
/** Two engines place the same word so far apart. */
const marginMs = 500;

export const mayInvent = (engine: string): boolean => inventive.has(engine);

/**
 * What an engine that may invent said while the live captions have no word: no reader gets it before an organizer has
 * decided. Of engines that cannot invent nothing is withheld.
 */
export function withheldOf(
  segments: Iterable<Interval & { readonly id: number }>,
  engine: string,
  live: LiveTranscript['captions'],
): CanonicalTranscript['withheld'] {
  if (!mayInvent(engine)) return [];
  const said = new Stretches(
    live
      .filter(({ text }) => /[\p{L}\p{N}]/u.test(text))
      .map(({ start_ms, end_ms }) => ({
        start_ms: start_ms - marginMs,
        end_ms: Math.max(start_ms, end_ms) + marginMs,
      })),
  );
  const withheld: CanonicalTranscript['withheld'] = [];
  for (const segment of segments) if (said.coveredMs(segment) === 0) withheld.push({ segment: segment.id, reason });
  return withheld;
}
