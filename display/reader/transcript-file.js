// @ts-check
/** The transcript as a file on the reader's device; the right to read stays out of its address. */

/** @import { History } from './history.js' */

/** A slow device may take this long to begin saving. */
const handedOverMs = 60_000;

/** @param {Pick<History, 'file'>} history @param {string} room @param {Date} day @param {string} [talk] a past one @throws when it cannot be had */
export async function saveTranscript(history, room, day, talk) {
  const address = URL.createObjectURL(await history.file(talk));
  const link = document.createElement('a');
  link.href = address;
  const date = [day.getFullYear(), day.getMonth() + 1, day.getDate()]
    .map((each) => String(each).padStart(2, '0'))
    .join('-');
  link.download = `${[room, date, talk].filter(Boolean).join('-')}.txt`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), handedOverMs);
}
