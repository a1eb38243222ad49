/** What the sink still has to send: a part of schema 9. */
export const sinkSchema = '';
