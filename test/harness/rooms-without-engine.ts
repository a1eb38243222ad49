import { Backfill } from '../../relay/backfill.ts';
import { DailyBudget } from '../../relay/budget.ts';
import { Costs } from '../../relay/costs.ts';
import { openDatabase } from '../../relay/database.ts';
import type { Engine } from '../../relay/engines/engine.ts';
import { Governing } from '../../relay/governing.ts';
import { EngineQuota } from '../../relay/quota.ts';
import { RoomTime } from '../../relay/room-time.ts';
import { Rooms } from '../../relay/rooms.ts';
import { RunningRooms } from '../../relay/running-rooms.ts';
import { Spool } from '../../relay/spool.ts';
import { Talks } from '../../relay/talks.ts';
import { TextRuleBook } from '../../relay/text-rule-book.ts';
import { UnsavedMark } from '../../relay/unsaved-mark.ts';
import { createLog } from '../../systemd/log.ts';
import { temporaryFolder } from './programs.ts';

const engine: Engine = {
  ...{ name: 'none', paid: false, promptPartials: true, check: () => null },
  open: () => ({ write() {}, end() {}, abort() {} }),
};

/** The relay's rooms as its main program puts them together, started, with an engine that hears nothing. */
export function roomsWithoutEngine() {
  const folder = temporaryFolder();
  const log = createLog('silent')('test');
  const db = openDatabase(folder.path);
  const rooms = new Rooms(db, { language: 'en-US', engine: 'none' });
  const spool = new Spool(db, folder.path, log);
  const time = new RoomTime(db);
  const governing = new Governing(db, rooms, time);
  const costs = new Costs(db, { pricePerMinute: 0, alarmPerDay: null, maxPerDay: null, maxPerRoomAndDay: null });
  const quota = new EngineQuota({ maxSessions: 1, reserve: 0 });
  const unsavedMark = new UnsavedMark(folder.path);
  const talks = new Talks(db);
  const running = new RunningRooms({
    ...{ db, rooms, spool, time, governing, quota, costs, unsavedMark, log, restAfterMs: 0, defaultEngine: 'none' },
    ...{ talks, engineFor: () => engine, textRules: new TextRuleBook(db, log) },
    backfill: new Backfill({ spool, governing, quota, budget: new DailyBudget(db, 'backfill', 0), log }),
  });
  running.start();
  return {
    ...{ db, rooms, spool, time, talks, running, log },
    stop: async () => {
      await running.stop(0);
      await spool.stop();
      db.close();
      unsavedMark.close();
      folder.remove();
    },
  };
}
