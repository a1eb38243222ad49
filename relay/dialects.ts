import type {
  InputLevel,
  LogMessage,
  Partial as PartialCaption,
  RecordingChange,
  Status,
  TalkChange,
} from './protocol.js';

/** How the messages of a room look to a kind of reader; null where that kind does not get one. */
export interface Dialect {
  logged(message: LogMessage): object | null;
  partial(partial: PartialCaption): object | null;
  status(status: Status): object | null;
  level(level: InputLevel): object | null;
  talk(talk: TalkChange): object | null;
  recording(recording: RecordingChange): object | null;
}

/** The messages as they are, with the captions that came late. */
export const everything: Dialect = {
  logged: (message) => message,
  partial: (partial) => partial,
  status: (status) => status,
  level: (level) => level,
  talk: (talk) => talk,
  recording: (recording) => recording,
};

/** For those who read along: no captions of a stretch that is over. */
export const asSpoken: Dialect = {
  ...everything,
  logged: (message) => (message.type === 'caption' && message.late ? null : message),
};

/** The predecessor's `{"text","is_partial"}`: what is said now, without history, corrections or state. */
export const predecessor: Dialect = {
  logged: (message) =>
    message.type === 'caption' && !message.late && message.text !== '' // hidden ones have none
      ? { text: message.text, is_partial: false }
      : null,
  partial: ({ text }) => (text === '' ? null : { text, is_partial: true }),
  status: () => null,
  level: () => null,
  talk: () => null,
  recording: () => null,
};
