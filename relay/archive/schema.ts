/** Recordings of talks, and how far their way to the store is: a part of schema 9. */
export const archiveSchema = '';
