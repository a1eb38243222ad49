import { toSrt, toVtt } from '../../exports.ts';
import type { SpokenCaption } from '../../transcript.ts';
import type { CanonicalTranscript } from '../contract.ts';

/** The transcript as WebVTT and SubRip, from 0:00 at the first sample; what is withheld is not in them. */
export function captionFilesOf({ segments, speakers, withheld }: CanonicalTranscript): { vtt: string; srt: string } {
  const hidden = new Set(withheld.map(({ segment }) => segment));
  const pages: SpokenCaption[][] = [];
  for (const { id, start_ms, end_ms, text, text_redacted, language, speaker, words } of segments) {
    if (hidden.has(id)) continue;
    pages.push([
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
    ]);
  }
  return { vtt: [...toVtt(pages, 0)].join(''), srt: [...toSrt(pages, 0)].join('') };
}
