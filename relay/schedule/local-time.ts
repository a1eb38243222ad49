const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether it is a time zone of the IANA list, like Europe/Rome. */
export function isTimeZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known) return known;
  const options = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric' } as const;
  const made = new Intl.DateTimeFormat('en-US', {
    ...options,
    ...{ timeZone, hourCycle: 'h23', era: 'short', minute: 'numeric', second: 'numeric' },
  });
  if (formats.size < 50) formats.set(timeZone, made);
  return made;
}

/** What clocks of a zone show, as if it were UTC. */
function wallOf(ms: number, timeZone: string): number {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, value]),
  );
  const of = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type));
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
}

/**
 * When clocks of the zone show `wall` (ms, as if it were UTC). Of two such moments, as clocks are set back, the first;
 * what is skipped as they are set forward is the moment as long after.
 */
function fromWall(wall: number, timeZone: string): number {
  const offsetAt = (ms: number) => wallOf(ms, timeZone) - ms;
  const day = 86_400_000;
  const offsets = [offsetAt(wall - day), offsetAt(wall + day)];
  const found = offsets.map((offset) => wall - offset).filter((ms) => offsetAt(ms) === wall - ms);
  return found.length > 0 ? Math.min(...found) : wall - (offsets[0] ?? 0);
}

/** The same time on clocks, so many days later. */
export function msAt({ ms, days, timeZone }: { ms: number; days: number; timeZone: string | null }): number {
  const zone = timeZone ?? 'UTC';
  return fromWall(wallOf(ms, zone) + days * 86_400_000, zone);
}

/** `HH:MM` of a clock in minutes, also at the end of a date; null where there is none. */
export function timeOf(text: string): number | null {
  const [, hours, minutes] =
    /^(?:\d{4}-\d{2}-\d{2}[T ])?(\d{1,2}):(\d{2})(?::\d{2})?(?:Z|[+-]\d{2}:?\d{2})?$/.exec(text) ?? [];
  const time = Number(hours) * 60 + Number(minutes);
  return hours !== undefined && Number(hours) < 24 && Number(minutes) < 60 ? time : null;
}

const iso =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2}(?::\d{2}(?:\.\d+)?)?)?$/i;

/** Ms since 1970, or in words why it is none. @param timeZone of a time without an offset */
export function parseMoment(text: string, timeZone: string | null): number | string {
  const given = `"${text.slice(0, 40)}"`;
  const [, year, month, day, hours, minutes, seconds = '0', offset] = iso.exec(text) ?? [];
  if (year === undefined) return `is not a date and time like 2026-12-01T09:30:00+01:00: ${given}`;
  const [y, mo, d, h, mi] = [Number(year), Number(month) - 1, Number(day), Number(hours), Number(minutes)];
  const wall = Date.UTC(y, mo, d, h, mi, Number(seconds));
  const shown = new Date(wall);
  const isReal = shown.getUTCDate() === d && shown.getUTCMonth() === mo && h < 24 && mi < 60 && y >= 1970;
  if (!isReal) return `is no date and time that there is: ${given}`;
  if (offset?.toUpperCase() === 'Z') return wall;
  if (offset !== undefined) {
    const [, sign, off = 0, part = 0] = /^([+-])(\d{2}):?(\d{2})/.exec(offset) ?? [];
    return wall - (sign === '-' ? -1 : 1) * (Number(off) * 60 + Number(part)) * 60_000;
  }
  if (timeZone === null) return `has no offset from UTC, and no time zone is given: ${given}`;
  return fromWall(wall, timeZone);
}

/** `HH:MM`, `D:HH:MM` or minutes, in ms; null where it is none. */
export function parseDuration(text: string): number | null {
  const [, days = '0', hours = '0', minutes] = /^(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,5})$/.exec(text) ?? [];
  if (minutes === undefined || (text.includes(':') && Number(minutes) > 59)) return null;
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60_000;
}
