import { isTimeZone } from './local-time.ts';
import { lineOf, roomNameOf, ScheduleError, type ScheduleFile, ScheduleReader } from './schedule-file.ts';

/** An object's own fields; of anything else none. */
const fieldsOf = (value: unknown): ReadonlyMap<string, unknown> =>
  new Map(typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/**
 * The `schedule.json` of pretalx and frab: `schedule.conference.days[].rooms{}[]`.
 * @param timeZone of times without an offset, where the file names none
 * @throws {ScheduleError} where it is no such file
 */
export function readScheduleJson(text: string, timeZone: string | null): ScheduleFile {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch {
    throw new ScheduleError('The file is no JSON: it breaks off, or something else was sent in its place');
  }
  const outer = fieldsOf(whole);
  const conference = fieldsOf((outer.has('schedule') ? fieldsOf(outer.get('schedule')) : outer).get('conference'));
  const days = conference.get('days');
  if (!Array.isArray(days))
    throw new ScheduleError('The file has no schedule.conference.days, as those of pretalx and frab have');
  const named = lineOf(conference.get('time_zone_name'));
  const reader = new ScheduleReader(timeZone ?? (isTimeZone(named) ? named : null));
  for (const room of listOf(conference.get('rooms'))) reader.room(roomNameOf(fieldsOf(room).get('name')));
  days.forEach((each, i) => {
    const day = fieldsOf(each);
    for (const [name, talks] of fieldsOf(day.get('rooms'))) {
      const room = roomNameOf(name);
      const inRoom = `schedule.conference.days[${i}].rooms[${JSON.stringify(room.slice(0, 60))}]`;
      if (!Array.isArray(talks)) reader.mistake(inRoom, 'is no list of talks', room || null);
      reader.room(room);
      listOf(talks).forEach((one, j) => {
        const place = `${inRoom}[${j}]`;
        const talk = fieldsOf(one);
        if (talk.size === 0) reader.mistake(place, 'is no talk', room || null);
        else
          reader.add({
            ...{ place, room, ids: [talk.get('guid'), talk.get('code'), talk.get('id')], title: talk.get('title') },
            speakers: listOf(talk.get('persons')).map((person) => {
              const fields = fieldsOf(person);
              return fields.get('public_name') ?? fields.get('name') ?? fields.get('full_public_name') ?? person;
            }),
            ...{ language: talk.get('language'), moment: talk.get('date'), day: day.get('date') },
            ...{ time: talk.get('start'), dayStart: day.get('day_start'), duration: talk.get('duration') },
            ...{ end: undefined, status: talk.get('status') ?? talk.get('state') },
            texts: [talk.get('abstract'), talk.get('description'), talk.get('subtitle')],
          });
      });
    }
  });
  return reader.done();
}
