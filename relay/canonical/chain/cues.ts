import { toSrt, toVtt } from '../../exports.ts';
import type { SpokenCaption } from '../../transcript.ts';
import type { CanonicalSegment, CanonicalTranscript } from '../contract.ts';
import { Utf8 } from './transcript-file.ts';

/** The transcript as WebVTT and SubRip, from 0:00 at the first sample; what is withheld is not in them. */
export function captionFilesOf(
  segments: Iterable<CanonicalSegment>,
  { speakers, withheld }: Pick<CanonicalTranscript, 'speakers' | 'withheld'>,
): { vtt: Uint8Array; srt: Uint8Array } {
  const hidden = new Set(withheld.map(({ segment }) => segment));
  function* pages(): Generator<SpokenCaption[], void> {
    for (const { id, start_ms, end_ms, text, text_redacted, language, speaker, words } of segments) {
      if (hidden.has(id)) continue;
      yield [
        {
          caption: {
            ...{
              type: 'caption',
              seq: id,
              final: true,
              text: text_redacted ?? text,
              language,
              start: start_ms,
              end: end_ms,
            },
            ...{ speaker: speaker === null ? null : (speakers[speaker]?.name ?? speaker) },
            ...{ late: false, stream: '', from: 0, to: 0 },
          },
          words: words.flatMap((word) =>
            word.start_ms === null || word.end_ms === null ? [] : [[word.w, word.start_ms, word.end_ms] as const],
          ),
          isAmended: false,
        },
      ];
    }
  }
  const [vtt, srt] = [new Utf8(), new Utf8()];
  for (const text of toVtt(pages(), 0)) vtt.add(text);
  for (const text of toSrt(pages(), 0)) srt.add(text);
  return { vtt: vtt.bytes, srt: srt.bytes };
}
