// @ts-check
/** Moments in words, by this device's clock and zone. */

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });

/** @param {number} ms since 1970 @param {string} [language] of the words, BCP 47 */
export const momentIn = (ms, language = 'en-GB') =>
  language === 'en-GB'
    ? day.format(ms)
    : new Intl.DateTimeFormat(language, { dateStyle: 'long', timeStyle: 'short' }).format(ms);

/** @param {number} start @param {number} end ms since 1970 */
export const stretchIn = (start, end) =>
  new Date(start).toDateString() === new Date(end).toDateString()
    ? `${day.format(start)} to ${clock.format(end)}`
    : `${day.format(start)} to ${day.format(end)}`;

/** @param {number | null} ms @param {string} never */
export const momentOr = (ms, never) => (ms === null ? never : momentIn(ms));

/** Which zone the page's times are in. */
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
