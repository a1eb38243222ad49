import type { Heard } from './attempt.ts';
import type { NewCaption, SpokenWord } from './captions.ts';
import type { RoomMoment } from './room-time.ts';

/**
 * What was heard, in room time.
 * @param timeOf of a position in its stream
 */
export function captionOf(
  heard: Heard,
  late: boolean,
  timeOf: (position: number) => RoomMoment,
): { caption: NewCaption; words: SpokenWord[]; from: RoomMoment } {
  const ms = (position: number) => Math.round(timeOf(position).ms);
  const from = timeOf(heard.from);
  const start = Math.round(from.ms);
  const caption = {
    text: heard.text,
    language: heard.language,
    start,
    end: Math.max(start, ms(heard.to)),
    speaker: heard.speaker,
    late,
    stream: heard.stream,
    from: heard.from,
    to: heard.to,
    ...(from.uncertain ? { timeUncertain: true } : {}),
    ...(heard.marks && {
      marks: heard.marks.map((mark) => ({
        kind: mark.kind,
        type: mark.type,
        start: ms(mark.from),
        end: ms(mark.to),
      })),
    }),
  };
  return { caption, words: heard.words.map((word) => [word.text, ms(word.from), ms(word.to)]), from };
}
