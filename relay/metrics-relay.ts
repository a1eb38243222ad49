import type { AlarmBook } from './alarm-book.ts';
import type { Costs } from './costs.ts';
import type { Doors } from './doors.ts';
import type { RelayHealth } from './health.ts';
import type { KitDoor } from './kit-door.ts';
import type { KitEnrolment } from './kit-enrolment.ts';
import type { Kits } from './kits.ts';
import { type CaptionLatency, latencyBuckets } from './latency.ts';
import type { LiveRoom } from './live.ts';
import type { LiveFeed } from './live-feed.ts';
import { sampleRate } from './protocol.js';
import type { EngineQuota } from './quota.ts';
import type { Retention } from './retention.ts';
import type { RoomTime } from './room-time.ts';
import type { Spool } from './spool.ts';

/** What a whole relay tells of itself besides its doors and rooms. */
export interface RelayParts {
  readonly version: string;
  readonly health: Pick<RelayHealth, 'ready'>;
  readonly alarms: Pick<AlarmBook, 'of' | 'ofRelay' | 'freeBytes'>;
  readonly quota: Pick<EngineQuota, 'open' | 'waitingRooms' | 'maxSessions'>;
  readonly costs: Pick<Costs, 'today'>;
  readonly spool: Pick<Spool, 'droppedSamples' | 'fault' | 'forgottenStreams'>;
  readonly time: Pick<RoomTime, 'droppedAnchors'>;
  readonly retention: Pick<Retention, 'lostSeconds'>;
  readonly doors: Pick<Doors, 'count'>;
  readonly liveFeed: Pick<LiveFeed, 'counters'>;
  readonly latency: Pick<CaptionLatency, 'of'>;
  readonly kits: Pick<Kits, 'all'>;
  readonly kitDoor: Pick<KitDoor, 'connected' | 'counters'>;
  readonly enrolment: Pick<KitEnrolment, 'enrolled' | 'refusals'>;
  /** HTTP answers so far, by status. */
  readonly answers: ReadonlyMap<number, number>;
  /** How recordings are. */
  readonly recordings?: () => readonly Figure[];
}

export interface Figure {
  readonly type: 'gauge' | 'counter';
  readonly name: string;
  readonly help: string;
  /** null: there is none at the moment, and the name is told all the same. */
  readonly value: number | null;
  readonly labels?: Readonly<Record<string, string>>;
}

const gauge = (name: string, help: string, value: number | null, labels: Record<string, string> = {}): Figure => ({
  ...{ type: 'gauge', name: `sala_${name}`, help, value, labels },
});
const counter = (name: string, help: string, value: number | null, labels: Record<string, string> = {}): Figure => ({
  ...{ type: 'counter', name: `sala_${name}_total`, help, value, labels },
});
const age = (what: string, help: string, ms: number | null) =>
  gauge(`${what}_age_seconds`, help, ms === null ? null : ms / 1000);

const alarm = (value: 1 | null, code = '', severity = '') =>
  gauge('alarm', 'Alarms of the relay itself', value, { code, severity });
const roomAlarm = (value: 1 | null, room = '', code = '', severity = '') =>
  gauge('room_alarm', 'Alarms of a room', value, { room, code, severity });
const httpAnswers = (value: number | null, status = '') => counter('http_answers', 'HTTP answers', value, { status });

/** How the relay itself is. No label holds a token, an address or what was said. */
export function relayFigures(parts: RelayParts): Figure[] {
  const { version, health, alarms, quota, costs, spool, retention, doors, liveFeed } = parts;
  const { ok, ages } = health.ready();
  const { pages, messages, statesDropped, levelsDropped, cutOff } = liveFeed.counters;
  const slow = 'what an admin page that reads slowly was not told';
  return [
    gauge('build_info', 'The release, as the label', 1, { version, node: process.versions.node }),
    gauge('ready', 'Whether newcomers are served, as /readyz has it', ok ? 1 : 0),
    age('database_read', 'Since the database was last read', ages.databaseReadMs),
    age('database_write', 'Since the database last took something', ages.databaseWriteMs),
    age('database_copy', 'Since the copy of the database was last complete', ages.databaseCopyMs),
    age('spool_sync', 'Since audio was last stored', ages.spoolSyncMs),
    age('rooms_look', 'Since all rooms were last looked after, once a second', ages.roomsMs),
    gauge('spool_failing', 'Whether audio cannot be stored', spool.fault === '' ? 0 : 1),
    counter(
      'spool_dropped_seconds',
      'Audio dropped from memory while the disk took nothing; kits keep it',
      spool.droppedSamples / sampleRate,
    ),
    counter(
      'spool_streams_forgotten',
      'Empty streams that gave way to new ones in a full room',
      spool.forgottenStreams,
    ),
    counter('anchors_dropped', 'Clock readings of kits beyond what is kept', parts.time.droppedAnchors),
    counter('spool_lost_seconds', 'Audio deleted before it was captioned', retention.lostSeconds),
    gauge('disk_free_bytes', 'Free on the disk of --data-dir', alarms.freeBytes),
    alarm(null),
    roomAlarm(null),
    httpAnswers(null),
    ...alarms.ofRelay().map(({ code, severity }) => alarm(1, code, severity)),
    gauge('engine_sessions', 'Paid engine sessions that are open', quota.open),
    gauge('engine_sessions_max', 'Paid engine sessions that the quota allows', quota.maxSessions),
    gauge('engine_waiting_rooms', 'Rooms that wait for a paid engine session', quota.waitingRooms),
    gauge('paid_today_money', 'What paid sessions cost today (UTC), by --price-per-minute', costs.today().money),
    ...(['publish', 'read', 'admin', 'kit'] as const).map((right) =>
      gauge('sockets', 'WebSockets that are open', doors.count(right), { right }),
    ),
    ...[...parts.answers].map(([status, count]) => httpAnswers(count, `${status}`)),
    gauge('admin_pages', 'Admin pages that are open', pages),
    counter('admin_messages', 'Messages sent to admin pages', messages),
    counter('admin_states_dropped', `States: ${slow}`, statesDropped),
    counter('admin_levels_dropped', `Levels: ${slow}`, levelsDropped),
    counter('admin_pages_cut_off', 'Admin pages cut off because they were too slow', cutOff),
    ...kitFigures(parts),
    ...(parts.recordings?.() ?? []),
  ];
}

function kitFigures({ kits, kitDoor, enrolment }: RelayParts): Figure[] {
  const { connections, replaced, refused, cutOff } = kitDoor.counters;
  const refusals = (value: number | null, code = '') =>
    counter('kit_enrolments_refused', 'Enrolments refused', value, { code });
  return [
    gauge('kits', 'Kits that there are', kits.all().length),
    gauge('kits_connected', 'Kits that are connected', kitDoor.connected),
    counter('kit_connections', 'Connections of kits', connections),
    counter('kit_connections_replaced', 'Connections that gave way to a newer one of the same kit', replaced),
    counter('kit_connections_refused', 'Connections of kits that broke the protocol', refused),
    counter('kit_connections_cut_off', 'Kits cut off because they read too slowly', cutOff),
    counter('kit_enrolments', 'Kits enrolled', enrolment.enrolled),
    refusals(null),
    ...[...enrolment.refusals].map(([code, count]) => refusals(count, code)),
  ];
}

/** What a relay tells of one of its rooms besides the room's own figures. */
export function roomFigures({ alarms }: RelayParts, room: LiveRoom): Figure[] {
  const { name, paused } = room.record;
  const { levelDb } = room.live().rest;
  return [
    gauge('room_paused', 'Whether what is said is not captioned, by an organizer', paused ? 1 : 0, { room: name }),
    gauge('room_level_dbfs', "How loud the room's sound is", levelDb, { room: name }),
    gauge('room_captions_unsaved', 'Captions that wait in memory for the disk', room.log.unsaved, { room: name }),
    ...alarms.of(room).map(({ code, severity }) => roomAlarm(1, name, code, severity)),
  ];
}

/** Rooms' latencies in the text format: a histogram whose counts are kept elsewhere. */
export function latencyText({ latency }: RelayParts, rooms: readonly LiveRoom[]): string {
  const name = 'sala_room_caption_latency_seconds';
  const lines = rooms.flatMap((room) => {
    const { counts, count, sumSeconds } = latency.of(room);
    const label = `room="${room.record.name}"`; // a name needs no escaping: a-z, 0-9 and "-"
    return [
      ...latencyBuckets.map((end, i) => `${name}_bucket{${label},le="${end}"} ${counts[i] ?? 0}`),
      `${name}_bucket{${label},le="+Inf"} ${count}`,
      `${name}_sum{${label}} ${sumSeconds}`,
      `${name}_count{${label}} ${count}`,
    ];
  });
  const help = `# HELP ${name} From the end of what was said to its caption, without what was captioned late`;
  return `\n${[help, `# TYPE ${name} histogram`, ...lines].join('\n')}\n`;
}
