import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { messageOf } from '../../systemd/errors.ts';
import { isTimeZone } from './local-time.ts';
import {
  lineOf,
  roomNameOf,
  ScheduleError,
  type ScheduleFile,
  ScheduleReader,
  scheduleLimits,
} from './schedule-file.ts';

const lists = new Set(['day', 'room', 'event', 'person']);

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  htmlEntities: true,
  // A file's own entities are refused before; these are the five of XML, and characters by number.
  processEntities: {
    enabled: true,
    maxEntityCount: 1,
    maxEntitySize: 1,
    maxTotalExpansions: 1_000_000,
    maxExpandedLength: scheduleLimits.maxBytes,
  },
  isArray: (name, _path, _isLeaf, isAttribute) => !isAttribute && lists.has(name),
  maxNestedTags: scheduleLimits.maxDepth,
});

const fieldsOf = (value: unknown): ReadonlyMap<string, unknown> =>
  new Map(typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : []);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
/** The text of an element, with attributes or without; of several the first. */
function textOf(value: unknown): unknown {
  const one = Array.isArray(value) ? value[0] : value;
  return typeof one === 'object' ? fieldsOf(one).get('#text') : one;
}

/**
 * The `schedule.xml` of frab, pretalx and Pentabarf: `<schedule><day><room><event>`.
 * @param timeZone of times without an offset, where the file names none
 * @throws {ScheduleError} where it is no such file
 */
export function readScheduleXml(text: string, timeZone: string | null): ScheduleFile {
  const schedule = fieldsOf(fieldsOf(parse(text)).get('schedule'));
  if (!schedule.has('day') && !schedule.has('conference'))
    throw new ScheduleError('The file has no <schedule> with <day>, as those of frab and pretalx have');
  const named = lineOf(textOf(fieldsOf(schedule.get('conference')).get('time_zone_name')));
  const reader = new ScheduleReader(timeZone ?? (isTimeZone(named) ? named : null));
  listOf(schedule.get('day')).forEach((each, i) => {
    const day = fieldsOf(each);
    listOf(day.get('room')).forEach((inDay, j) => {
      const fields = fieldsOf(inDay);
      const room = roomNameOf(fields.get('@name'));
      reader.room(room);
      listOf(fields.get('event')).forEach((one, k) => {
        const talk = fieldsOf(one);
        const of = (name: string) => textOf(talk.get(name));
        reader.add({
          place: `schedule.day[${i}].room[${j}]${room === '' ? '' : ` (${room.slice(0, 60)})`}.event[${k}]`,
          room: room === '' ? roomNameOf(of('room')) : room,
          ids: [talk.get('@guid'), talk.get('@id')],
          title: of('title'),
          speakers: listOf(fieldsOf(talk.get('persons')).get('person')).map(textOf),
          ...{ language: of('language'), moment: of('date'), day: day.get('@date'), time: of('start') },
          ...{ dayStart: day.get('@start'), duration: of('duration'), end: undefined, status: of('status') },
          texts: [of('abstract'), of('description'), of('subtitle')],
        });
      });
    });
  });
  return reader.done();
}

function parse(text: string): unknown {
  // Declarations stand before the first element; inside it they are no XML at all.
  const prolog = text.slice(0, Math.max(0, text.search(/<[A-Za-z_]/)));
  if (/<!DOCTYPE|<!ENTITY/i.test(prolog))
    throw new ScheduleError('The file declares entities (DOCTYPE), which no schedule needs, and is not read');
  try {
    const parsed: unknown = parser.parse(text);
    const valid = XMLValidator.validate(text);
    if (valid === true) return parsed;
    const { msg, line, col } = valid.err;
    throw new ScheduleError(`The file is no whole XML: ${msg.slice(0, 200)} (line ${line}, column ${col})`);
  } catch (error) {
    if (error instanceof ScheduleError) throw error;
    throw new ScheduleError(`The file cannot be read as XML: ${messageOf(error).slice(0, 200)}`);
  }
}
