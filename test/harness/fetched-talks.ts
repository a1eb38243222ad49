/** What a relay has that recorded a talk and got its transcript back, before it was started again. */
import { join } from 'node:path';
import { Recordings } from '../../relay/archive/recordings.ts';
import { FetchedTranscripts } from '../../relay/canonical/fetched.ts';
import { rowsOf } from '../../relay/canonical/transcript-rows.ts';
import { CaptionLog } from '../../relay/captions.ts';
import { openDatabase } from '../../relay/database.ts';
import { Rooms } from '../../relay/rooms.ts';
import { type Segment, startMs, talkOf } from './canonical-relay.ts';
import { identity, manifestKey } from './canonical-run.ts';

export interface RecordedTalk {
  readonly talk: string;
  readonly title: string;
  readonly engine?: string;
  readonly live: readonly string[];
  readonly segments: readonly Segment[];
  /** By segment: why it is withheld. */
  readonly withheld?: Readonly<Record<number, string>>;
  /** Without a transcript. */
  readonly isAwaited?: boolean;
}

/** Writes the room `verdi` with these talks into `dataDir`, an hour apart. */
export async function recordTalks(dataDir: string, talks: readonly RecordedTalk[]): Promise<void> {
  const db = openDatabase(dataDir);
  const rooms = new Rooms(db, { language: 'en-US', engine: 'script:talk' });
  const { logId } = rooms.put('verdi', { title: 'Sala Verdi', public: true, language: 'en-US' });
  const log = new CaptionLog(db, 'verdi', logId);
  const recordings = new Recordings(db);
  const fetched = new FetchedTranscripts(db, rooms);
  for (const [hour, each] of talks.entries()) {
    const fromMs = startMs + hour * 3_600_000;
    const run = identity({ talk: each.talk, engine: each.engine ?? 'parakeet' });
    each.live.forEach((text, i) => {
      const start = fromMs + i * 5000;
      log.append({
        ...{ text, language: 'en-US', start, end: start + 4000, speaker: null, late: false },
        ...{ stream: '00000000-0000-4000-8000-000000000000', from: 0, to: 16_000 },
      });
    });
    recordings.put({
      ...{ room: 'verdi', talk: each.talk, talkId: null, revision: 1, roomTitle: 'Sala Verdi', title: each.title },
      ...{ speakers: ['Ada'], fromMs, toMs: fromMs + 60_000, endedBy: null, state: 'stored', message: '', hint: '' },
      ...{ redact: false, engine: null, manifestKey: manifestKey(run) },
    });
    if (each.isAwaited) continue;
    const withheld = Object.entries(each.withheld ?? {}).map(([id, reason]) => ({ segment: Number(id), reason }));
    const isCanonical = run.engine !== 'whisper';
    const { transcript } = talkOf(run, each.segments, { withheld, canonical: isCanonical });
    const talk = { ...transcript.talk, started_at: new Date(fromMs).toISOString() };
    const body = new TextEncoder().encode(JSON.stringify({ ...transcript, talk }));
    const folder = `transcripts/v1/conf/verdi/${each.talk}/r1-${run.engine}-0123456789ab/`;
    const version = { room: 'verdi', talk: each.talk, folder, etag: 'e', sha256: each.talk.padEnd(64, '0') };
    const name = `r1-${run.engine}-0123456789ab-00000000`;
    await fetched.add({ ...version, name }, rowsOf(body, { ...run, revision: 1 }), () => true);
    const pointer = { etag: 'e', generation: 1, revision: 1, folder, sha256: version.sha256 };
    if (isCanonical) fetched.change('verdi', each.talk, { pointer });
  }
  db.close();
}

export const storeArgs = (dataDir: string) => ['--recording-store', `folder:${join(dataDir, 'store')}`];
