import type { Table } from './table.ts';

export interface BenchSettings {
  /** Length of one measured run. */
  readonly seconds: number;
  /** How often each case is run; cases to be compared take turns. */
  readonly rounds: number;
  /** Says what is being run just now. */
  readonly tell: (line: string) => void;
}

/** A figure we want to stay below. Missing it is said and fails nothing. */
export interface Aim {
  readonly what: string;
  readonly figure: number;
  readonly below: number;
  readonly unit: string;
}

export interface Report {
  readonly tables: readonly Table[];
  readonly aims: readonly Aim[];
}

/** One file in this folder each; main.ts lists them. */
export interface Bench {
  readonly name: string;
  readonly summary: string;
  run(settings: BenchSettings): Promise<Report>;
}
