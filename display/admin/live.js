// @ts-check
/** The relay's live view of all rooms. */

/**
 * @typedef {import('../../relay/protocol.js').Alarm} Alarm
 * @typedef {{ room: string, name: string, language: string, public: boolean, seq: number, paused: boolean, readers: number,
 *   lastWords: { text: string, at: number } | null, alarms: Alarm[], talk: import('../../relay/protocol.js').Talk | null,
 *   live: { state: string, message: string, lagMs: number, backlogMs: number, source: { device: string } | null,
 *     engine: { name: string, message: string, hint: string, withoutEffect: string[] },
 *     rest: { levelDb: number, thresholdDb: number | null }, spent: { seconds: number, money: number } } }} RoomView
 */
export {};
