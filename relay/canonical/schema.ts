/** What the relay holds of canonical transcripts, and what organizers decided about them: a part of schema 9. */
export const canonicalSchema = '';
