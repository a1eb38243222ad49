import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '../systemd/log.ts';
import type { Heard } from './attempt.ts';
import type { Backfill, BackfillRoom } from './backfill.ts';
import { CaptionLog } from './captions.ts';
import { Charge } from './charge.ts';
import type { Costs } from './costs.ts';
import type { Database } from './database.ts';
import type { Engine } from './engines/engine.ts';
import { Feed } from './feed.ts';
import type { FeedLimits } from './feed-options.ts';
import { type Gap, gapsOf } from './gaps.ts';
import type { Governing } from './governing.ts';
import { captionOf } from './heard-caption.ts';
import { InputLevelMeter } from './input-level.ts';
import { KitNotes } from './kit-notes.ts';
import type { LiveRoom, RoomListener, RoomLive } from './live.ts';
import type { Amend, Clear, Health, LogMessage, RangeSet, Status, Talk } from './protocol.js';
import { type Partial as PartialCaption, sampleRate } from './protocol.js';
import type { EngineQuota } from './quota.ts';
import { withoutEffect } from './recognition.ts';
import type { RoomMoment, RoomTime } from './room-time.ts';
import type { RoomRecord, Rooms } from './rooms.ts';
import { maxSpans, SaidWords } from './said.ts';
import type { Spool } from './spool.ts';
import type { SpoolStream } from './spool-stream.ts';
import { CatchingUp, statusOf } from './status.ts';
import type { Talks } from './talks.ts';
import { compileChecked, type TextRuleBook } from './text-rule-book.ts';
import { applyRules, type CompiledRules } from './text-rules.ts';
import { roomRules } from './vocabulary.ts';

export interface RoomParts {
  readonly db: Database;
  readonly rooms: Rooms;
  readonly spool: Spool;
  readonly time: RoomTime;
  readonly governing: Governing;
  readonly backfill: Backfill;
  readonly engineFor: (name: string) => Engine;
  readonly quota: EngineQuota;
  readonly costs: Costs;
  /** Silence after which a paid session rests where a room says nothing else; 0: never. */
  readonly restAfterMs: number;
  readonly textRules: TextRuleBook;
  readonly talks: Talks;
  readonly log: Logger;
  readonly feedLimits?: FeedLimits;
}

/** After a start, a stream that was live is left to its kit's return for so long before backfill takes it. */
const returnGraceMs = 15_000;

/** A running room: its source's audio in, its captions out. */
export class Room implements LiveRoom, BackfillRoom {
  readonly log: CaptionLog;
  readonly charge = new Charge();
  readonly inputLevel = new InputLevelMeter();
  readonly said = new SaidWords((stream, position) => this.#timeOf(stream, position).ms);
  readonly #parts: RoomParts;
  readonly #feed: Feed;
  readonly #listeners = new Set<RoomListener>();
  readonly #startedMs = performance.now();
  readonly #followed = new Set<string>();
  readonly #catchingUp = new CatchingUp();
  /** The stream that is live. */
  #liveStream: SpoolStream | null = null;
  #record: RoomRecord;
  #textRules: CompiledRules;
  #tail: PartialCaption | null = null;
  #status: Status = { type: 'status', state: 'waiting', message: 'Waiting for the talk.' };
  #talk: Talk | null = null;
  #health: Health | null = null;
  readonly #kitNotes = new KitNotes();
  #lastAudioMs: number | null = null;
  #lastCaptionMs: number | null = null;
  /** Room time. */
  #clearedMs = Number.NEGATIVE_INFINITY;
  #captions = 0;
  #lateCaptions = 0;
  #audioSeconds = 0;
  #textRulesLeftOut = 0;

  constructor(record: RoomRecord, parts: RoomParts) {
    this.#record = record;
    this.#parts = parts;
    this.#textRules = this.#compileTextRules();
    this.#talk = parts.talks.at(record.name, Date.now());
    this.charge.pin(record.settings.source);
    // What is said off the record is told by assignments alone, so they are on the disk before the log speaks of them.
    this.log = new CaptionLog(parts.db, record.name, record.logId, () => parts.rooms.savePauses());
    // The relay may have ended between the act and its note.
    if (this.log.history.isPaused() !== record.paused)
      this.log.pause(record.paused, parts.governing.present(record.name)?.fromMs ?? Date.now());
    this.said.remember(this.log.history.newest(maxSpans).map(({ caption }) => caption));
    const { spool, governing, engineFor, quota, log } = parts;
    this.#feed = new Feed({
      ...{ spool, governing, engineFor, quota, log },
      room: record.name,
      restAfterMs: () => {
        const { restAfter } = this.#record.settings;
        return restAfter == null ? parts.restAfterMs : restAfter * 1000;
      },
      said: this.said,
      taken: (stream) => parts.backfill.taken(stream),
      ...(parts.feedLimits ? { limits: parts.feedLimits } : {}),
      listener: {
        partial: (heard) => this.#partial(heard),
        final: (heard, done) => this.#final(heard, done, false),
        changed: () => this.refresh(),
      },
    });
    this.refresh();
  }

  get name(): string {
    return this.#record.name;
  }

  get record(): RoomRecord {
    return this.#record;
  }

  get tail(): PartialCaption | null {
    return this.#tail;
  }

  get status(): Status {
    return this.#status;
  }

  get talk(): Talk | null {
    return this.#talk;
  }

  engineFor(name: string): Engine {
    return this.#parts.engineFor(name);
  }

  listen(listener: RoomListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** New settings are in force: the feed changes over at the position they begin at. */
  update(record: RoomRecord): void {
    this.#record = record;
    this.#textRules = this.#compileTextRules();
    this.charge.pin(record.settings.source);
    for (const listener of this.#listeners) listener.settings?.(record);
    this.#feed.advance();
    this.refresh();
  }

  /** What is spoken from `atMs` (room time) on is not captioned, or is again. */
  paused(record: RoomRecord, atMs: number): void {
    this.update(record);
    this.#tell(this.log.pause(record.paused, atMs));
  }

  clear(): Clear {
    const message = this.log.clear(Date.now());
    this.#clearedMs = message.at ?? 0;
    this.#tell(message);
    this.#partial(null);
    return message;
  }

  amend(of: number, text: string | null): Amend | null {
    const act = this.log.amend(of, text, Date.now());
    if (act?.isNew) this.#tell(act.message);
    return act?.message ?? null;
  }

  /** The source in charge sends this stream live. */
  follow(stream: SpoolStream): void {
    this.#followed.add(stream.id);
    this.#liveStream = stream;
    this.#feed.follow(stream);
  }

  /** Audio of one of this room's streams can be read. */
  written(stream: SpoolStream, position: number, audio: Uint8Array): void {
    const end = position + audio.length / stream.bytesPerFrame;
    this.#audioSeconds += (end - position) / sampleRate;
    // Backlog was loud in its own time.
    if (stream === this.#liveStream && end > stream.edge - sampleRate) this.inputLevel.hear(audio, stream.channels);
    this.#lastAudioMs = performance.now();
    this.#feed.advance();
  }

  /** A hole was declared, or a stream ended. */
  changed(): void {
    this.#feed.advance();
  }

  /** A stream is deleted. */
  forget(stream: string): void {
    this.#followed.delete(stream);
    this.said.forget(stream);
  }

  heard(health: Health): void {
    this.#health = health;
    this.refresh();
  }

  /** The source in charge came or left. */
  sourceChanged(): void {
    if (!this.charge.holder) this.#health = null;
    this.refresh();
  }

  claims(): Map<string, RangeSet> {
    const claims = this.#feed.claims();
    if (performance.now() - this.#startedMs < returnGraceMs)
      for (const stream of this.#parts.spool.streamsOf(this.name))
        if (!stream.ended && !this.#followed.has(stream.id)) claims.set(stream.id, [[0, Number.MAX_SAFE_INTEGER]]);
    return claims;
  }

  backfilled(heard: Heard | null, done: ReadonlyMap<string, RangeSet>): void {
    this.#final(heard, done, true);
  }

  /** Once a second: progress in silence is noted, and states that follow from the passing of time are seen. */
  tick(): void {
    this.#feed.tick();
    this.log.flush();
    this.lookAtTalks();
    this.refresh();
  }

  /** Sees which talk is on and tells readers when that changed. Asked every second, so that no jump of the clock is missed. */
  lookAtTalks(): void {
    const talk = this.#parts.talks.at(this.name, Date.now());
    if (isDeepStrictEqual(talk, this.#talk)) return;
    this.#talk = talk;
    for (const listener of this.#listeners) listener.talk?.(talk);
  }

  /** Ends the engine session; its last finals are published before this resolves. */
  async stop(timeoutMs: number): Promise<void> {
    await this.#feed.stop(timeoutMs);
  }

  deleted(): void {
    for (const listener of this.#listeners) listener.deleted();
  }

  live(): RoomLive {
    const { holder } = this.charge;
    const told = this.#feed.failure ?? this.#feed.notice;
    return {
      state: this.#status.state,
      message: this.#status.message,
      source: holder && {
        device: holder.device,
        connectedMs: performance.now() - holder.connectedAtMs,
        health: this.#health,
      },
      engine: {
        name: this.#feed.engineName || (this.#parts.governing.present(this.name)?.engine ?? ''),
        state: this.#feed.state,
        failure: this.#feed.failure?.kind ?? null,
        code: told?.code ?? '',
        message: told?.message ?? '',
        hint: told?.hint ?? '',
        withoutEffect: this.#withoutEffect(),
      },
      rest: this.#feed.rest,
      spent: this.#parts.costs.today({ room: this.name }),
      lagMs: Math.round(this.#feed.lagMs),
      backlogMs: this.#health?.buffer?.backlogMs ?? 0,
      storage:
        this.log.unsaved > 0
          ? `${this.log.unsaved} captions wait in memory for the relay's disk.`
          : this.#parts.spool.fault,
      backfillMs: Math.round(this.#parts.backfill.pendingMs(this.name)),
      backfillHeld: this.#parts.backfill.standstill(this.name),
      lastAudioMs: ageOf(this.#lastAudioMs),
      lastCaptionMs: ageOf(this.#lastCaptionMs),
      counters: {
        captions: this.#captions,
        lateCaptions: this.#lateCaptions,
        audioSecondsReceived: Math.round(this.#audioSeconds),
        textRulesLeftOut: this.#textRulesLeftOut,
        ...this.#feed.counters,
      },
    };
  }

  /** Of the settings of now, whichever session still runs. */
  #withoutEffect(): string[] {
    const present = this.#parts.governing.present(this.name);
    if (!present || this.#parts.engineFor(present.engine).takesRecognition) return [];
    return withoutEffect(present.recognition);
  }

  gaps(): Gap[] {
    return gapsOf(this.name, this.#parts.spool, this.#parts.time);
  }

  /** Works out the state again and tells readers when it changed. */
  refresh(): void {
    const { lagMs } = this.#feed;
    const status = statusOf({
      paused: this.#record.paused,
      connected: this.charge.holder !== null,
      everHeard: this.#lastAudioMs !== null,
      audioAgeMs: ageOf(this.#lastAudioMs),
      health: this.#health,
      failure: this.#feed.failure,
      resting: this.#feed.rest.resting,
      lagMs,
      catchingUp: this.#catchingUp.see(lagMs, this.#parts.backfill.isFilling(this.name)),
    });
    const kit = this.#kitNotes.of(this.#health);
    const { state, message, kit: before = [] } = this.#status;
    if (status.state === state && status.message === message && String(kit) === String(before)) return;
    this.#status = { ...status, ...(kit.length > 0 && { kit }) };
    for (const listener of this.#listeners) listener.status(this.#status);
  }

  #partial(said: Heard | null): void {
    // Words from before the screens were cleared come back in a final alone.
    const isCleared = said !== null && this.#timeOf(said.stream, said.from).ms < this.#clearedMs;
    const heard = said && !isCleared ? this.#corrected(said) : null;
    if (!heard && !this.#tail) return;
    const tail: PartialCaption = heard
      ? {
          type: 'partial',
          text: heard.text,
          language: heard.language,
          start: Math.round(this.#timeOf(heard.stream, heard.from).ms),
          speaker: heard.speaker,
          stable: heard.stable ?? 0,
        }
      : { type: 'partial', text: '', language: this.#tail?.language ?? '', start: this.#tail?.start ?? 0, stable: 0 };
    this.#tail = heard ? tail : null;
    for (const listener of this.#listeners) listener.partial(tail);
  }

  #final(said: Heard | null, done: ReadonlyMap<string, RangeSet>, late: boolean): void {
    const { spool } = this.#parts;
    const heard = said && this.#corrected(said);
    const made = heard && captionOf(heard, late, (position) => this.#timeOf(heard.stream, position));
    for (const [id, ranges] of done) {
      const stream = spool.get(id);
      if (stream && ranges.length > 0) spool.settle(stream, ranges);
    }
    if (!heard || !made) {
      if (said && !late) this.#partial(null);
      return;
    }
    const { caption, words, from } = made;
    const message = this.log.append(caption, words, () => {
      for (const id of done.keys()) {
        const stream = spool.get(id);
        if (stream) spool.save(stream);
      }
    });
    // Times that rest on less than the kit's own connected clock hold from now on.
    if (this.#parts.time.anchoredBoot(heard.stream) === null)
      this.#parts.time.fix(heard.stream, from.ms - heard.from / 16, from.uncertain);
    else this.#parts.time.commit(heard.stream, heard.to);
    if (late) this.#lateCaptions++;
    else this.#captions++;
    this.#lastCaptionMs = performance.now();
    if (!late) this.#partial(null);
    this.#tell(message);
  }

  /** What text rules make of it; null where they leave nothing. */
  #corrected(heard: Heard): Heard | null {
    const sets = [this.#textRules, this.#parts.textRules.compiled];
    const { text, words, settled, leftOut } = applyRules(sets, heard, heard.language, heard.stable);
    this.#textRulesLeftOut += leftOut.length;
    return text === '' ? null : { ...heard, text, words, stable: settled };
  }

  #compileTextRules(): CompiledRules {
    return compileChecked('room', roomRules(this.#record.settings), this.#parts.log);
  }

  #tell(message: LogMessage): void {
    for (const listener of this.#listeners) listener.logged(message);
  }

  #timeOf(streamId: string, position: number): RoomMoment {
    const stream = this.#parts.spool.get(streamId);
    return this.#parts.time.at(streamId, position, {
      position: stream?.edge ?? position,
      ms: stream?.heardMs ?? Date.now(),
    });
  }
}

const ageOf = (atMs: number | null) => (atMs === null ? null : Math.round(performance.now() - atMs));
