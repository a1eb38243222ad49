/** A stretch of a text that is private: letters (UTF-16) of the text as it was. */
export interface Finding {
  readonly start: number;
  readonly end: number;
  /** What takes its place, in brackets. */
  readonly type: FindingType;
  /** Which recogniser found it. */
  readonly rule: string;
}

export type FindingType = 'card' | 'iban' | 'mail' | 'phone' | 'ip' | 'mac' | 'id';
