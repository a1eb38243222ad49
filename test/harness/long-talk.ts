import type { SpokenCaption, SpokenWord } from '../../relay/transcript.ts';
import { seeded } from './random.ts';
import { spoken } from './spoken.ts';

interface Tongue {
  readonly language: string;
  readonly words: readonly string[];
  readonly space: string;
  /** Words a minute, from slow to fast. */
  readonly speed: readonly [number, number];
  readonly ends: readonly string[];
  readonly comma: string;
}

const words = (text: string) => text.split(' ');
const latin = { space: ' ', ends: ['.', '.', '.', '?', '!'], comma: ',' };
const tongues: readonly Tongue[] = [
  {
    ...latin,
    language: 'en-GB',
    words: words(
      'the a of and to in we you that it is are have what when people room network captions speaker understand conference tomorrow actually really because if not never all some with from about language interpreters every Dr. e.g. <b> & --> 3.5 "quoted" it’s',
    ),
    speed: [90, 210],
  },
  {
    ...latin,
    language: 'it-IT',
    words: words(
      "il la di e che per con non è una sala parola rete persone sottotitoli conferenza domani perché quando se anche molto ogni dell'acqua l’organizzatore precipitevolissimevolmente quello nella abbiamo detto",
    ),
    speed: [100, 220],
  },
  {
    ...latin,
    language: 'de-DE',
    words: words(
      'der die das und ist nicht wir Donaudampfschifffahrtsgesellschaftskapitän Untertitel Konferenz morgen weil wenn auch sehr jede Rechtsschutzversicherungsgesellschaften Saal Netz',
    ),
    speed: [80, 150],
  },
  {
    language: 'ja-JP',
    words: words(
      '会議 の 字幕 を 正しい 順序 で 保存 する こと は とても 大切 です ネットワーク が 切れて も 言葉 失われません 皆さん 今日 Kubernetes',
    ),
    space: '',
    speed: [110, 190],
    ends: ['。'],
    comma: '、',
  },
  {
    ...latin,
    language: 'ko-KR',
    words: words('오늘은 회의 자막을 올바른 순서로 저장하는 방법에 대해 네트워크가 끊겨도 단어는 사라지지 않습니다'),
    speed: [60, 110],
  },
  {
    ...latin,
    language: 'ar-SA',
    words: words('صباح الخير جميعا وشكرا لكم على حضور هذا العرض حول الترجمة في كل قاعة'),
    speed: [80, 150],
  },
];

/**
 * A talk of several hours as engines tell it: finals of a sentence or a part of one, most with the times of their words,
 * several languages, speakers and speeds, pauses, interruptions, late captions in between and corrected ones.
 */
export function longTalk(seed: number, ms: number): SpokenCaption[] {
  const random = seeded(seed);
  const upTo = (count: number) => Math.floor(random() * count);
  const from = <T>(list: readonly [T, ...T[]] | readonly T[]): T => {
    const found = list[upTo(list.length)];
    if (found === undefined) throw new Error('an empty list');
    return found;
  };
  const captions: SpokenCaption[] = [];
  let tongue = from(tongues);
  let speaker: string | null = null;
  for (let at = 1_800_000_000_000, end = at + ms; at < end; ) {
    if (random() < 0.03) tongue = from(tongues);
    if (random() < 0.08) speaker = from([null, '0', '1', 'Ada <Lovelace> & Co.']);
    const [slow, fast] = tongue.speed;
    const wordMs = 60_000 / (slow + random() * (fast - slow));
    const count = 1 + upTo(from([3, 12, 24, 40]));
    const timed: SpokenWord[] = [];
    for (let i = 0; i < count; i++) {
      const text = from(tongue.words) + (i === count - 1 ? from(tongue.ends) : random() < 0.12 ? tongue.comma : '');
      const start = Math.round(at);
      at += wordMs * (0.5 + random());
      timed.push([text, start, Math.round(at - 20)]);
      if (random() < 0.03) at += random() * 3000;
    }
    const [first, last] = [timed[0], timed.at(-1)];
    const text = timed.map(([word]) => word).join(tongue.space);
    const given = random() < 0.8 ? timed : [];
    captions.push(
      spoken(random() < 0.05 ? `${text} (corrected)` : text, first?.[1] ?? 0, last?.[2] ?? 0, {
        language: tongue.language,
        speaker,
        words: given,
        timeUncertain: random() < 0.01,
      }),
    );
    // Another session tells a stretch that was missed, in between; or all draw breath.
    if (random() < 0.02)
      captions.push(spoken('This was missed before.', at - random() * 6000, at, { language: tongue.language }));
    if (random() < 0.3) at += random() * (random() < 0.1 ? 20_000 : 1500);
  }
  return captions.sort((a, b) => a.caption.start - b.caption.start);
}
