/** What the rooms of the gallery say: `[seconds, text]` each, a language from a second on. */
export interface GalleryTalk {
  readonly room: string;
  readonly title: string;
  /** From which second on which language; the first from the start. */
  readonly languages: readonly (readonly [fromSeconds: number, language: string])[];
  readonly lines: readonly (readonly [start: number, end: number, text: string])[];
}

/** Lines one after the other, at so many words a minute (for scripts without spaces: letters). */
function spoken(texts: readonly string[], aMinute: number, count: (text: string) => number, from = 0.4) {
  let at = from;
  return texts.map((text): readonly [number, number, string] => {
    const start = at;
    const end = start + (count(text) / aMinute) * 60;
    at = end + 0.2;
    return [Number(start.toFixed(2)), Number(end.toFixed(2)), text];
  });
}

const words = (text: string) => text.split(' ').length;
const letters = (text: string) => [...text].length;

export const galleryTalks: readonly GalleryTalk[] = [
  {
    room: 'short',
    title: 'Sala Rossa',
    languages: [[0, 'en-US']],
    lines: spoken(['Good morning.', 'Can you hear me at the back?', 'Thank you.', 'Then let us begin.'], 110, words),
  },
  {
    room: 'long',
    title: 'Aula Magna',
    languages: [[0, 'en-US']],
    lines: spoken(
      [
        'When the network of a building blinks, nobody in the hall notices, and that is how it should be.',
        'What matters is the person in the third row who follows this talk by reading, and who cannot ask me to repeat a sentence.',
        'So the box beside the mixer keeps every second of sound until somebody else has written it down,',
        'and when the line comes back it first sends what is being said now, and then what was missed.',
        'Nothing is invented on the way. A word may be misheard, and then it is wrong in a way that you can see.',
      ],
      165,
      words,
    ),
  },
  {
    room: 'fast',
    title: 'Lightning talks',
    languages: [[0, 'en-US']],
    lines: spoken(
      [
        'I have three minutes and forty slides so please hold on to your seats and your questions until the very end.',
        'The first slide is about parsers, the second is about why you should not write one, and the third is the one I wrote.',
        'It reads two gigabytes a second on a laptop, which nobody needs, and four megabytes on a watch, which somebody does.',
        'Everything else is in the repository, the licence is friendly, the tests are not, and the maintainer sleeps at night.',
        'If you want to help there are nine issues for beginners, and all nine of them are about time zones.',
      ],
      230,
      words,
    ),
  },
  {
    room: 'right-to-left',
    title: 'قاعة المؤتمرات',
    languages: [[0, 'ar-SA']],
    lines: spoken(
      [
        'صباح الخير وأهلا بكم جميعا في هذه القاعة.',
        'سنتحدث اليوم عن الإصدار 2.4 من برنامج Sala وعن طريقة عمله.',
        'كل كلمة تظهر على الشاشة قيلت فعلا ولا شيء يضاف إليها.',
        'إذا انقطعت الشبكة فإن الجهاز يحتفظ بالصوت حتى تعود.',
      ],
      110,
      words,
    ),
  },
  {
    room: 'mixed',
    title: 'Sala Verdi',
    languages: [
      [0, 'it-IT'],
      [7, 'en-US'],
      [13, 'he-IL'],
      [18, 'ja-JP'],
    ],
    lines: [
      ...spoken(
        ['Buongiorno a tutti, benvenuti nella Sala Verdi.', 'La prima relatrice parla in inglese.'],
        120,
        words,
      ),
      ...spoken(['Thank you for having me. I will switch twice, so watch the captions.'], 150, words, 7.6),
      ...spoken(['תודה רבה, עכשיו כמה מילים בעברית.'], 90, words, 13.6),
      ...spoken(['最後に日本語で少しだけ話します。聞こえますか。'], 400, letters, 18.6),
    ],
  },
];
