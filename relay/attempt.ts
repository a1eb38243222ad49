import type {
  Engine,
  EngineFailure,
  EngineListener,
  EngineResult,
  EngineSession,
  Mark,
  SessionSettings,
  Word,
} from './engines/engine.ts';
import { quietRms, rmsOf, WordlessSpeech } from './loudness.ts';
import { bytesPerSample, frameSamples, intersect, type RangeSet, sampleRate, subtract, union } from './protocol.js';
import type { Lease } from './quota.ts';
import { explainConflicts, promisesBroken } from './recognition.ts';
import type { SaidWords } from './said.ts';
import { type Place, TimeMap } from './time-map.ts';
import { stableIn, textOf } from './word-text.ts';

/** A result in the stream's own terms, its foreign words taken out. */
export interface Heard {
  readonly text: string;
  readonly language: string;
  readonly speaker: string | null;
  readonly stream: string;
  readonly from: number;
  readonly to: number;
  /** Positions of the words that are owned; empty where the engine gives no word times. */
  readonly words: readonly { readonly text: string; readonly from: number; readonly to: number }[];
  /** Of a partial: so many UTF-16 units at the beginning of `text` that will not change. */
  readonly stable?: number;
  /** What the engine noticed in it, in positions; left out where there is nothing. */
  readonly marks?: readonly (Pick<Mark, 'kind' | 'type'> & { readonly from: number; readonly to: number })[];
}

export interface AttemptListener {
  ready(): void;
  /** The engine says something, whoever it belongs to; told before `partial` and `final`. */
  answered?(): void;
  /** `null` withdraws the tail. */
  partial(heard: Heard | null): void;
  /** `done`: everything that this final puts behind us, by stream. */
  final(heard: Heard | null, done: Map<string, RangeSet>): void;
  ended(): void;
  failed(failure: EngineFailure): void;
}

const everything: RangeSet = [[0, Number.MAX_SAFE_INTEGER]];
const silence = new Uint8Array(frameSamples * bytesPerSample);
/** In silence, what lies this far behind without an open segment is done: no engine holds audio back for longer. */
const silenceHorizonSamples = 5 * sampleRate;
/** Audio that may hold words is done only with an answer, or after this long: until then a session that turns out to have
 * been dead or mute has lost nothing. Longer than it takes to ask for a second opinion again (`MuteLimits.trustedSamples`). */
const maxUnansweredSamples = 420 * sampleRate;

/** Services round word times to milliseconds: a word right at a boundary must not fall between two sessions, 10 ms. */
const slack = sampleRate / 100;

/** Words this much further apart in the stream than in the session are no longer one caption. */
const apartSamples = sampleRate;

/** Words that lie together, and the place of the first. */
interface Run {
  readonly place: Place;
  readonly words: Word[];
}

/** A run of words, and the engine time of its end. */
interface Part {
  readonly heard: Heard;
  readonly end: number;
}

/**
 * One engine session and what it was fed: it maps engine time to positions, lets through only the words whose middle
 * lies in what it owns, and knows how far its audio is behind published finals.
 */
export class Attempt {
  readonly settings: SessionSettings;
  readonly engineName: string;
  readonly openedAtMs: number;
  readonly #map = new TimeMap();
  readonly #owned = new Map<string, RangeSet>();
  readonly #listener: AttemptListener;
  readonly #session: EngineSession;
  readonly #lease: Lease | null;
  readonly #said: SaidWords;
  #done = 0;
  #openSegment = false;
  readonly #speech = new WordlessSpeech();
  /** Runs of frames that may hold words and are not behind us, in engine time. */
  #loud: { from: number; to: number }[] = [];
  #over = false;
  #ready = false;

  /** @param lease its place in the quota, given back when it is over @param said shared by all sessions of the room */
  constructor(
    engine: Engine,
    settings: SessionSettings,
    nowMs: number,
    listener: AttemptListener,
    lease: Lease | null,
    said: SaidWords,
  ) {
    this.#lease = lease;
    this.#said = said;
    this.settings = settings;
    this.engineName = engine.name;
    this.openedAtMs = nowMs;
    this.#listener = listener;
    this.#session = openSession(engine, settings, {
      ready: () => {
        this.#ready = true;
        this.#speech.ready();
        if (!this.#over) listener.ready();
      },
      partial: (result) => this.#partial(result),
      final: (result) => this.#final(result),
      ended: () => this.#end(() => listener.ended()),
      failed: (failure) => this.#end(() => listener.failed(failure)),
    });
  }

  get ready(): boolean {
    return this.#ready;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Engine time fed so far, in samples. */
  get fed(): number {
    return this.#map.length;
  }

  /** What sounded like speech since the engine last said anything, or was ready to; in samples. */
  get unanswered(): number {
    return this.#speech.sinceReady;
  }

  /** The same, what it heard before it was ready included. */
  get wordless(): number {
    return this.#speech.inAll;
  }

  /** How far engine time is ahead of this session's own wall clock. */
  leadMs(nowMs: number): number {
    return (this.fed * 1000) / sampleRate - (nowMs - this.openedAtMs);
  }

  /** Only words whose middle lies in these positions of `stream` are this session's; without a call all are. */
  own(stream: string, ranges: RangeSet): void {
    this.#owned.set(stream, ranges);
  }

  owned(stream: string): RangeSet {
    return this.#owned.get(stream) ?? everything;
  }

  /** Takes positions away from it: they belong to another session. */
  disown(stream: string, ranges: RangeSet): void {
    this.own(stream, subtract(this.owned(stream), ranges));
  }

  /** At most 100 ms of mono audio. */
  write(stream: string, position: number, audio: Uint8Array): void {
    if (this.#over) return;
    const from = this.fed;
    this.#map.add(stream, position, audio.length / bytesPerSample);
    const rms = rmsOf(audio);
    if (rms >= quietRms) this.#noteLoud(from, this.fed);
    this.#speech.hear(rms, this.fed - from);
    this.#session.write(audio, { stream, position });
  }

  /** Silence that has no position. */
  writeSilence(samples: number): void {
    for (let left = samples; left > 0 && !this.#over; left -= frameSamples) {
      const piece = Math.min(left, frameSamples);
      this.#map.addSilence(piece);
      this.#session.write(silence.subarray(0, piece * bytesPerSample), null);
    }
  }

  /** What of the audio fed is neither behind a final nor silence, by stream. */
  undone(): Map<string, RangeSet> {
    return this.#ownedOnly(this.#map.heard(this.#done, this.fed));
  }

  /** What silence, or long waiting, has put behind us since the last call, by stream; empty while a segment is open. */
  settle(): Map<string, RangeSet> {
    const horizon = Math.max(
      Math.min(this.fed - silenceHorizonSamples, this.#loud[0]?.from ?? this.fed),
      this.fed - maxUnansweredSamples,
    );
    return this.#openSegment || horizon <= this.#done ? new Map() : this.#advance(horizon);
  }

  finish(timeoutMs: number): void {
    if (!this.#over) this.#session.end(timeoutMs);
  }

  abort(): void {
    this.#over = true;
    this.#lease?.release();
    this.#session.abort();
  }

  #end(tell: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#lease?.release();
    if (this.#openSegment) this.#listener.partial(null);
    tell();
  }

  #answered(): boolean {
    if (this.#over) return false;
    this.#speech.answered();
    this.#listener.answered?.();
    return !this.#over;
  }

  #partial(result: EngineResult): void {
    if (!this.#answered()) return;
    this.#openSegment = result.text !== '';
    if (!this.#openSegment) {
      this.#listener.partial(null);
      return;
    }
    // Only finals are redacted.
    if (this.settings.recognition?.pii === 'redact') return;
    const heard = this.#tail(result);
    if (heard) this.#listener.partial(heard);
  }

  /** All that is owned of a partial, also where its final will be several captions: no shown word goes for a while. */
  #tail(result: EngineResult): Heard | null {
    const runs = this.#runs(result, true);
    const first = runs[0];
    if (!first) return this.#own(result)[0]?.heard ?? null;
    const words = runs.flatMap((run) => run.words);
    const text = words.length === result.words.length ? result.text : textOf(words);
    const start = words[0]?.start ?? result.start;
    const end = words.findLast((word) => word.kind === 'word')?.end ?? result.end;
    // Text rules act on each caption by itself, so what follows the first may yet change with where it is parted.
    return {
      ...this.#heard({ ...result, start, end }, text, words, first.place.stream),
      stable: stableIn(text, first.words),
    };
  }

  #final(result: EngineResult): void {
    if (!this.#answered()) return;
    this.#openSegment = false;
    // Finals of one session come in order, so all that was heard before this one's end is behind us.
    const parts = this.#own(result, true);
    for (const [i, { heard, end }] of parts.entries()) {
      if (this.#over) return;
      this.#say(heard, i === parts.length - 1 ? result.end : end);
    }
    if (parts.length === 0) this.#listener.final(null, this.#advance(result.end));
  }

  /** What was said is said for good, also the rest of a word that an outage cut off: heard later, it is no second word. */
  #say(heard: Heard, end: number): void {
    const done = this.#advance(end);
    mergeRanges(done, new Map([[heard.stream, intersect([[heard.from, heard.to]], this.owned(heard.stream))]]));
    if (heard.words.length > 0) this.#said.add(heard.stream, heard.from, heard.to, heard.words);
    this.#listener.final(heard, done);
  }

  #advance(to: number): Map<string, RangeSet> {
    const done = this.#ownedOnly(this.#map.heard(this.#done, to));
    this.#done = Math.max(this.#done, to);
    this.#map.forget(this.#done - silenceHorizonSamples);
    while (this.#loud[0] && this.#loud[0].to <= this.#done) this.#loud.shift();
    if (this.#loud[0]) this.#loud[0].from = Math.max(this.#loud[0].from, this.#done);
    return done;
  }

  #noteLoud(from: number, to: number): void {
    const last = this.#loud.at(-1);
    if (last && last.to === from) last.to = to;
    else this.#loud.push({ from, to });
  }

  #ownedOnly(heard: Map<string, RangeSet>): Map<string, RangeSet> {
    return new Map([...heard].map(([stream, ranges]) => [stream, intersect(ranges, this.owned(stream))]));
  }

  #isOwned(place: Place | null, text?: string): place is Place {
    if (place === null || this.#said.has(place.stream, place.position, text)) return false;
    const { position } = place;
    return this.owned(place.stream).some(([from, to]) => from - slack <= position && position < to + slack);
  }

  /**
   * The result without the words of others, one part for each run of words that lie together: a jump, another stream or a
   * long hole may fall into one segment of the engine, and captions from both sides of it have different places in the talk.
   * @param bySpeaker one part for each speaker's words, too: a caption names one
   */
  #own(result: EngineResult, bySpeaker = false): Part[] {
    const middle = this.#map.place((result.start + result.end) / 2);
    if (!result.words.some((word) => word.kind === 'word'))
      return this.#isOwned(middle)
        ? [{ heard: this.#heard(result, result.text, [], middle.stream), end: result.end }]
        : [];
    return this.#runs(result, bySpeaker).map(({ place, words }) => {
      const start = words[0]?.start ?? result.start;
      const end = words.findLast((word) => word.kind === 'word')?.end ?? result.end;
      const text = words.length === result.words.length ? result.text : textOf(words);
      return { heard: this.#heard({ ...result, start, end }, text, words, place.stream), end };
    });
  }

  /** The words that are owned, in runs that lie together and, with `bySpeaker`, are one speaker's. */
  #runs(result: EngineResult, bySpeaker: boolean): Run[] {
    const runs: Run[] = [];
    let keeping = false;
    let before: { place: Place; at: number } | null = null;
    let speaker: string | null = null;
    for (const word of result.words) {
      // Punctuation belongs to the word before it.
      if (word.kind === 'word') {
        const at = (word.start + word.end) / 2;
        const place = this.#map.place(at);
        keeping = this.#isOwned(place, word.text);
        if (keeping && place) {
          const isOther = bySpeaker && speaker !== null && word.speaker !== null && word.speaker !== speaker;
          speaker = word.speaker ?? speaker;
          if (!before || isOther || isApart(before.place, place, at - before.at)) runs.push({ place, words: [] });
          before = { place, at };
        }
      }
      if (keeping) runs.at(-1)?.words.push(word);
    }
    return runs;
  }

  #heard(result: EngineResult, text: string, words: readonly Word[], stream: string): Heard {
    const spoken = words.filter((word) => word.kind === 'word');
    const first = spoken[0] ?? result;
    const last = spoken.at(-1) ?? result;
    const from = this.#position(result.start, first);
    const marks = (result.marks ?? []).filter(({ start, end }) => first.start < end && start < last.end);
    return {
      text,
      language: result.language,
      speaker: words.find((word) => word.speaker !== null)?.speaker ?? null,
      stream,
      from,
      to: Math.max(from, this.#position(result.end, last)),
      words: spoken.map((word) => ({
        text: word.text,
        from: this.#position(word.start, word),
        to: this.#position(word.end, word),
      })),
      ...(marks.length > 0 && {
        marks: marks.map(({ kind, type, ...mark }) => ({
          kind,
          type,
          from: this.#position(mark.start, mark),
          to: this.#position(mark.end, mark),
        })),
      }),
    };
  }

  /** The position of an engine time at either end of `word`, on that side of a jump on which its middle lies. */
  #position(engineTime: number, word: { readonly start: number; readonly end: number }): number {
    const at = (word.start + word.end) / 2;
    const middle = this.#map.place(at);
    const place = this.#map.place(engineTime);
    if (!middle || !place) return 0;
    const apart = isApart(middle, place, engineTime - at);
    return Math.max(0, Math.round(apart ? middle.position + engineTime - at : place.position));
  }
}

/** An engine that cannot keep what readers were promised, redaction above all, is not asked: the relay's default may have changed. */
function openSession(engine: Engine, settings: SessionSettings, listener: EngineListener): EngineSession {
  const { recognition } = settings;
  const broken = engine.takesRecognition || !recognition ? [] : promisesBroken(engine.name, recognition);
  const refusal = explainConflicts('engine-settings', broken);
  if (!refusal) return engine.open(settings, listener);
  queueMicrotask(() => listener.failed({ kind: 'configuration', ...refusal }));
  return { write() {}, end() {}, abort() {} };
}

function isApart(before: Place, place: Place, engineTime: number): boolean {
  const advance = place.position - before.position;
  return before.stream !== place.stream || advance - engineTime > apartSamples || advance < -apartSamples;
}

/** Adds `more` to `into`, stream by stream. */
export function mergeRanges(into: Map<string, RangeSet>, more: Map<string, RangeSet>): void {
  for (const [stream, ranges] of more) into.set(stream, union(into.get(stream) ?? [], ranges));
}
