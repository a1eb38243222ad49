import { breaksOf, cueMs, maxPauseMs, maxSpeed } from './cue-breaks.ts';
import { isRightToLeft, isSpaced, widthOf } from './cue-text.ts';
import { type Token, tokensOf } from './cue-words.ts';
import type { SpokenCaption } from './transcript.ts';

/** A piece of text on the screen, in ms since the transcript's zero. */
export interface Cue {
  readonly startMs: number;
  readonly endMs: number;
  readonly lines: readonly string[];
  readonly language: string;
  readonly speaker: string | null;
}

/** A cue before it is known when it may stand there. */
interface Draft {
  readonly lines: readonly string[];
  readonly language: string;
  readonly speaker: string | null;
  /** When its words are said, never before those of the draft before. */
  readonly startMs: number;
  readonly endMs: number;
  /** How long it takes to read at the fastest, and with ease. */
  readonly hastyMs: number;
  readonly easyMs: number;
}

/** As early or late as broadcasters let prerecorded words stand (BBC). */
const maxLateMs = 1500;
/** Shorter ones between two cues only flicker. */
const shortGapMs = 500;
/** How much slower than `maxSpeed` reading is with ease. */
const easySpeed = 0.75;
const maxSpeakerLetters = 14;

/** Words that are held back to see how their sentence goes on, and after how many cues are made of them. */
const heldTokens = 120;
const maxTokens = 500;
/** Cues that are made at a time, also of a caption that is a flood. */
const maxStep = 40;
/** Cues that are held back to see how soon the next ones come. */
const heldDrafts = 12;

export interface CueOptions {
  /** The room time that is 0:00 of the result. */
  readonly zeroMs: number;
  /** Where the speaker changes, the first line names the new one. */
  readonly withLabels?: boolean;
}

/**
 * Captions as cues, in the order spoken: at most two lines, 1 to 7 s, never overlapping. A cue begins with its first word,
 * up to 1.5 s late where the one before needs the time to be read, and stands until it can be read with ease or the next
 * begins. Where more is said than can be shown in its time (another kit's words in between, a flood), cues come as
 * fast as they may and catch up in the next pause.
 */
export function* cuesOf(
  pages: Iterable<readonly SpokenCaption[]>,
  options: CueOptions,
): Generator<readonly Cue[], void> {
  const breaker = new Breaker(options.withLabels ?? false);
  const timer = new Timer(options.zeroMs);
  for (const page of pages) {
    let cues: Cue[] = [];
    for (const caption of page)
      for (const drafts of breaker.add(caption)) {
        for (const draft of drafts) cues.push(...timer.add(draft));
        if (cues.length < maxStep) continue;
        yield cues;
        cues = [];
      }
    yield cues;
  }
  const cues: Cue[] = [];
  for (const draft of breaker.end()) cues.push(...timer.add(draft));
  yield [...cues, ...timer.end()];
}

/** Words into cues' lines. What one person says without a pause goes together, over the ends of captions. */
class Breaker {
  readonly #withLabels: boolean;
  #tokens: Token[] = [];
  #caption: SpokenCaption['caption'] | undefined;
  /** The newest word so far: drafts never go back. */
  #newestMs = Number.NEGATIVE_INFINITY;

  constructor(withLabels: boolean) {
    this.#withLabels = withLabels;
  }

  *add(spoken: SpokenCaption): Generator<readonly Draft[], void> {
    const { caption } = spoken;
    const before = this.#caption;
    const tokens = tokensOf(spoken);
    const [first] = tokens;
    if (!first) return;
    const isSame =
      before?.speaker === caption.speaker &&
      before.language === caption.language &&
      (before.timeUncertain ?? false) === (caption.timeUncertain ?? false);
    if (!isSame) yield this.#flush(0);
    const label = this.#withLabels && caption.speaker !== (before?.speaker ?? null) ? labelOf(caption.speaker) : '';
    this.#caption = caption;
    if (label !== '') this.#tokens.push(labelToken(label, first));
    for (const token of tokens) {
      const last = this.#tokens.at(-1);
      const isApart = last && (token.startMs - last.endMs > maxPauseMs || last.startMs - token.startMs > maxPauseMs);
      if (isApart) yield this.#flush(0);
      else if (this.#tokens.length >= maxTokens) yield this.#flush(heldTokens);
      this.#push(token === first && last ? joined(last, token) : token);
    }
  }

  end(): Draft[] {
    return this.#flush(0);
  }

  #push(token: Token): void {
    const last = this.#tokens.at(-1);
    const isBack = last !== undefined && token.startMs < last.startMs;
    if (!isBack) this.#tokens.push(token);
    else this.#tokens.push({ ...token, startMs: last.startMs, endMs: Math.max(token.endMs, last.startMs) });
  }

  /** Makes drafts of all words but some of the last, which go on. */
  #flush(held: number): Draft[] {
    const tokens = this.#tokens;
    const caption = this.#caption;
    if (!caption || tokens.length === 0) return [];
    const breaks = breaksOf(tokens).filter(({ to }) => held === 0 || to <= tokens.length - held);
    this.#tokens = tokens.slice(breaks.at(-1)?.to ?? tokens.length);
    return breaks.map(({ from, second, to }): Draft => {
      const cue = tokens.slice(from, to);
      const startMs = Math.max(this.#newestMs, cue[0]?.startMs ?? 0);
      this.#newestMs = startMs;
      const speed = cue.some(({ isWide }) => isWide) ? maxSpeed.wide : maxSpeed.narrow;
      const letters = cue.reduce((sum, { width, hasSpaceBefore }) => sum + width + (hasSpaceBefore ? 1 : 0), 0);
      const hastyMs = (letters * 1000) / speed;
      return {
        lines: [tokens.slice(from, second), tokens.slice(second, to)].filter((line) => line.length > 0).map(lineOf),
        language: caption.language,
        speaker: caption.speaker,
        startMs,
        endMs: Math.max(startMs, cue.at(-1)?.endMs ?? 0),
        hastyMs,
        easyMs: hastyMs / easySpeed,
      };
    });
  }
}

const lineOf = (tokens: readonly Token[]) =>
  tokens.map(({ text, hasSpaceBefore }, i) => (hasSpaceBefore && i > 0 ? ` ${text}` : text)).join('');

/** The first word of a caption behind the last of the one before. */
const joined = (last: Token, token: Token): Token => ({ ...token, hasSpaceBefore: isSpaced(last.text, token.text) });

/** What the engine numbers from 0 on is counted from 1, as on the page. */
export function speakerName(speaker: string): string {
  return /^\d{1,3}$/.test(speaker) ? `Speaker ${Number(speaker) + 1}` : speaker;
}

const labelOf = (speaker: string | null) =>
  speaker === null
    ? ''
    : speakerName(speaker)
        .replaceAll(/[\s\p{C}]+/gu, ' ')
        .trim();

/** It stands before the first word, never alone. */
function labelToken(label: string, first: Token): Token {
  const short = widthOf(label) > maxSpeakerLetters ? `${[...label].slice(0, maxSpeakerLetters - 1).join('')}…` : label;
  const { startMs, isWide } = first;
  // What follows decides the line's direction, not the label.
  const text = `${isRightToLeft(first.text) ? '\u200f' : ''}${short}:`;
  return {
    text,
    width: widthOf(text),
    isWide,
    hasSpaceBefore: false,
    startMs,
    endMs: startMs,
    cost: 9,
    isSentenceEnd: false,
  };
}

/** Drafts into the time there is. */
class Timer {
  readonly #zeroMs: number;
  #drafts: Draft[] = [];
  #endMs = 0;

  constructor(zeroMs: number) {
    this.#zeroMs = zeroMs;
  }

  add(draft: Draft): Cue[] {
    const shift = (ms: number) => Math.max(0, Math.round(ms - this.#zeroMs));
    this.#drafts.push({ ...draft, startMs: shift(draft.startMs), endMs: shift(draft.endMs) });
    return this.#drafts.length > heldDrafts ? [this.#next()].flat() : [];
  }

  end(): Cue[] {
    const cues: Cue[] = [];
    while (this.#drafts.length > 0) cues.push(...this.#next());
    return cues;
  }

  #next(): Cue[] {
    const [draft, next] = this.#drafts;
    if (!draft) return [];
    const latestMs = this.#latestStartMs(1);
    const startMs = Math.max(draft.startMs, this.#endMs);
    const free = Math.min(Math.max(draft.endMs, startMs + draft.easyMs), next?.startMs ?? Number.POSITIVE_INFINITY);
    const late = Math.min(startMs + draft.hastyMs, latestMs);
    const wantedMs = Math.min(startMs + cueMs.most, Math.max(startMs + cueMs.least, free, late));
    let endMs = Math.round(wantedMs);
    if (next && next.startMs > endMs && next.startMs - endMs < shortGapMs && next.startMs - startMs <= cueMs.most)
      endMs = next.startMs;
    this.#endMs = endMs;
    this.#drafts.shift();
    const { lines, language, speaker } = draft;
    return [{ startMs, endMs, lines, language, speaker }];
  }

  /** When that draft has to begin, so that neither it nor one after it is later than it may be. */
  #latestStartMs(index: number): number {
    let latestMs = Number.POSITIVE_INFINITY;
    for (const draft of this.#drafts.slice(index).reverse())
      latestMs = Math.min(draft.startMs + maxLateMs, latestMs - cueMs.least);
    return latestMs;
  }
}
