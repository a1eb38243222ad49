/** Where the engine gets the vocabularies that are kept for rooms; it knows nothing of how. */
export interface VocabularyLender {
  /** Those that are ready for a session in these languages; null where there are none. */
  lend(room: string, languages: readonly string[], region: string | null): VocabularyLoan | null;
}

/** They are not deleted before they are given back. */
export interface VocabularyLoan {
  readonly names: readonly string[];
  /** The session is over. */
  release(): void;
  /** The service refused the session because of them. */
  refused(): void;
}
