import { Hono } from 'hono';
import type { Counter, Gauge, Registry } from 'prom-client';
import type { FailedAttempts } from './attempts.ts';
import type { ReaderCounters } from './audience.ts';
import type { AudioRates } from './audio-rates.ts';
import type { Connections } from './connections.ts';
import type { LiveRoom, LiveRooms } from './live.ts';
import { latencyText, type RelayParts, relayFigures, roomFigures } from './metrics-relay.ts';
import type { TranscriptTurns } from './transcript-turns.ts';

/** Where the figures of the relay come from; all are read when they are asked for. */
export interface MetricsSources {
  readonly rooms: Pick<LiveRooms, 'all'>;
  readonly readers: { readonly counters: Readonly<ReaderCounters>; byRoom(): ReadonlyMap<string, number> };
  readonly doors: { readonly refusals: ReadonlyMap<string, number> };
  readonly attempts?: Pick<FailedAttempts, 'failed' | 'turnedAway' | 'bans'>;
  readonly requests?: { readonly refused: number };
  readonly connections?: Pick<Connections, 'dropped' | 'faults'>;
  readonly rates?: Pick<AudioRates, 'closes'>;
  readonly rights?: {
    readonly audit: { readonly waiting: number; readonly lost: number };
    readonly sessions: { readonly count: number };
  };
  readonly turns: Pick<TranscriptTurns, 'taken' | 'refused' | 'cutOff'>;
  /** Bytes of audio on the relay's disk. */
  readonly spoolBytes: () => number;
  /** Of a whole relay. */
  readonly relay?: RelayParts;
}

const snake = (name: string) =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/[^a-z0-9_]/g, '_');
const seconds = (ms: number) => ms / 1000;
/** `audioSecondsReceived` is `audio_received_seconds`, `silenceMs` is `silence_seconds`: the unit comes last, and is the base unit. */
function unitOf(key: string): { unit: string; scale: number } {
  const words = snake(key).split('_');
  const unit = words.find((word) => word === 'seconds' || word === 'ms');
  const rest = words.filter((word) => word !== unit);
  return { unit: [...rest, ...(unit ? ['seconds'] : [])].join('_'), scale: unit === 'ms' ? 1 / 1000 : 1 };
}

type Prometheus = typeof import('prom-client');

/**
 * The relay in Prometheus' text format. Every drop and every refusal is in it. The library, 3 MB of memory, is loaded
 * when metrics are first asked for; what it measures itself (event loop lag, garbage collection) begins then.
 */
export class Metrics {
  readonly contentType = 'text/plain; version=0.0.4; charset=utf-8';
  readonly #sources: MetricsSources;
  #page: Promise<MetricsPage> | undefined;

  constructor(sources: MetricsSources) {
    this.#sources = sources;
  }

  async text(): Promise<string> {
    this.#page ??= import('prom-client').then((prometheus) => new MetricsPage(prometheus, this.#sources));
    return (await this.#page).text();
  }
}

class MetricsPage {
  readonly #prometheus: Prometheus;
  readonly #sources: MetricsSources;
  readonly #registry: Registry;
  readonly #gauges = new Map<string, Gauge>();
  readonly #counters = new Map<string, Counter>();

  constructor(prometheus: Prometheus, sources: MetricsSources) {
    this.#prometheus = prometheus;
    this.#sources = sources;
    this.#registry = new prometheus.Registry();
    prometheus.collectDefaultMetrics({ register: this.#registry }); // memory, CPU and event loop lag among them
  }

  text(): Promise<string> {
    // A room that is gone must not leave its last figures behind.
    for (const metric of [...this.#gauges.values(), ...this.#counters.values()]) metric.reset();
    const { rooms, readers, doors, turns, spoolBytes } = this.#sources;
    const all = rooms.all();
    this.#set('sala_rooms', 'Rooms', all.length);
    this.#set('sala_spool_bytes', "Audio on the relay's disk", spoolBytes());
    this.#count('sala_refusals_total', 'WebSockets refused before the upgrade', null, { code: '' });
    for (const [code, count] of doors.refusals)
      this.#count('sala_refusals_total', 'WebSockets refused before the upgrade', count, { code });
    const { messages, partialsDropped, levelsDropped, cutOff } = readers.counters;
    this.#count('sala_reader_messages_total', 'Messages sent to readers', messages);
    this.#count('sala_reader_partials_dropped_total', 'Partials replaced before they were sent', partialsDropped);
    this.#count('sala_reader_levels_dropped_total', 'Levels that a slow reader missed', levelsDropped);
    this.#count('sala_readers_cut_off_total', 'Readers cut off because they were too slow', cutOff);
    const { attempts, requests, connections, rates, rights } = this.#sources;
    this.#count('sala_audio_closes_total', 'Audio sockets that the relay closed', null, { code: '' });
    for (const [code, count] of rates?.closes ?? [])
      this.#count('sala_audio_closes_total', 'Audio sockets that the relay closed', count, { code: String(code) });
    this.#count('sala_failed_attempts_total', 'Tokens that open nothing', attempts?.failed ?? 0);
    this.#count('sala_bans_total', 'Addresses banned for wrong tokens', attempts?.bans ?? 0);
    this.#count('sala_attempts_turned_away_total', 'Wrong tokens of banned addresses', attempts?.turnedAway ?? 0);
    this.#count('sala_requests_refused_total', 'HTTP requests above the rate of an address', requests?.refused ?? 0);
    for (const [status, count] of connections?.faults ?? [])
      this.#count('sala_http_faults_total', 'Requests too slow, too long or no HTTP', count, {
        status: String(status),
      });
    this.#count('sala_connections_dropped_total', 'Connections beyond the limits', connections?.dropped ?? 0);
    this.#set('sala_admin_sessions', 'Browsers that are logged in', rights?.sessions.count ?? 0);
    this.#set('sala_audit_waiting', 'Acts that wait for the disk', rights?.audit.waiting ?? 0);
    this.#count('sala_audit_lost_total', 'Acts that are in the journal alone', rights?.audit.lost ?? 0);
    this.#set('sala_transcripts', 'Transcripts that are being read', turns.taken);
    this.#count('sala_transcripts_refused_total', 'Transcripts refused because too many were read', turns.refused);
    this.#count(
      'sala_transcripts_cut_off_total',
      'Transcripts cut off because their reader was too slow',
      turns.cutOff,
    );
    const counts = readers.byRoom();
    for (const room of all) this.#setRoom(room, counts.get(room.record.name) ?? 0);
    const { relay } = this.#sources;
    if (!relay) return this.#registry.metrics();
    for (const each of [...relayFigures(relay), ...all.flatMap((room) => roomFigures(relay, room))])
      if (each.type === 'gauge') this.#set(each.name, each.help, each.value, each.labels);
      else this.#count(each.name, each.help, each.value, each.labels);
    return this.#registry.metrics().then((text) => text + latencyText(relay, all));
  }

  #setRoom(room: LiveRoom, readers: number): void {
    const { state, source, engine, rest, spent, lagMs, backlogMs, backfillMs, lastAudioMs, lastCaptionMs, counters } =
      room.live();
    const name = room.record.name;
    const set = (metric: string, help: string, value: number | null, labels: Record<string, string> = {}) =>
      value === null ? undefined : this.#set(`sala_room_${metric}`, help, value, { room: name, ...labels });
    set('readers', 'Readers connected', readers);
    set('log_seq', 'Newest seq of the caption log', room.log.seq);
    set('state', 'The state of the room, as the label', 1, { state });
    set('engine_state', 'The state of its engine, as the label', 1, { engine: engine.name, state: engine.state });
    set('source_connected', 'Whether a source is connected', source ? 1 : 0);
    set('resting', 'Whether the paid session rests in silence', rest.resting ? 1 : 0);
    set('paid_today_seconds', 'Billed seconds of paid sessions today (UTC)', spent.seconds);
    set('paid_today_money', 'What they cost by --price-per-minute', spent.money);
    set('lag_seconds', "How far the engine's input is behind the newest audio", seconds(lagMs));
    set('backlog_seconds', 'Audio the device holds and the relay has not received', seconds(backlogMs));
    set('backfill_seconds', 'Audio that waits to be captioned beside the live edge', seconds(backfillMs));
    set('audio_age_seconds', 'Since audio last arrived', lastAudioMs === null ? null : seconds(lastAudioMs));
    set('caption_age_seconds', 'Since the last caption', lastCaptionMs === null ? null : seconds(lastCaptionMs));
    for (const [key, value] of Object.entries(counters)) {
      const { unit, scale } = unitOf(key);
      const metric = `sala_room_${unit}_total`;
      this.#count(metric, `The room's counter ${key}`, value * scale, { room: name });
    }
  }

  #set(name: string, help: string, value: number | null, labels: Readonly<Record<string, string>> = {}): void {
    const known = this.#gauges.get(name);
    const { Gauge } = this.#prometheus;
    const gauge = known ?? new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
    this.#gauges.set(name, gauge);
    if (value !== null) gauge.set(labels, value);
  }

  /** The parts count for themselves; a counter here only shows the total. Null: none yet, and the name is told all the same. */
  #count(name: string, help: string, total: number | null, labels: Readonly<Record<string, string>> = {}): void {
    const known = this.#counters.get(name);
    const { Counter } = this.#prometheus;
    const counter = known ?? new Counter({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
    this.#counters.set(name, counter);
    if (total !== null) counter.inc(labels, Math.max(0, total));
  }
}

/** `/metrics` alone, without a token, for an address of its own. */
export function createMetricsApp(metrics: Pick<Metrics, 'text' | 'contentType'>): Hono {
  const app = new Hono();
  app.get('/metrics', async (context) =>
    context.body(await metrics.text(), 200, { 'content-type': metrics.contentType }),
  );
  return app;
}
