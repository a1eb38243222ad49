// @ts-check
/** The relay's live view of all rooms. */

/**
 * @typedef {import('../../relay/protocol.js').Alarm} Alarm
 * @typedef {{ room: string, name: string, language: string, seq: number, paused: boolean, readers: number,
 *   lastWords: { text: string, at: number } | null, alarms: Alarm[], talk: import('../../relay/protocol.js').Talk | null,
 *   live: { state: string, message: string, lagMs: number, backlogMs: number, engine: { message: string, hint: string },
 *     rest: { levelDb: number, thresholdDb: number | null }, spent: { seconds: number, money: number } } }} RoomView
 */
export {};
