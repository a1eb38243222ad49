/** What AWS Batch does when an attempt ended badly: https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html */
import { z } from 'zod';

/** Letters, digits, periods, colons, white space; only at the end an asterisk. */
const words = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9.:\s]*\*?$/);
const exitRule = z
  .strictObject({
    Action: z.string().regex(/^(retry|exit)$/i),
    OnExitCode: z
      .string()
      .max(512)
      .regex(/^[0-9]*\*?$/)
      .optional(),
    OnReason: words.optional(),
    OnStatusReason: words.optional(),
  })
  .refine(({ Action: _, ...on }) => Object.keys(on).length > 0, 'says of nothing when it fits');
export const exitRules = z.array(exitRule).min(1).max(5);
export type ExitRule = z.infer<typeof exitRule>;

/** How an attempt ended, in the service's words; null where it has none. */
export interface Outcome {
  readonly exitCode: number | null;
  readonly statusReason: string;
  readonly reason: string | null;
}

/** `*` alone also fits what is not there: the documentation gives it as what always fits. */
function fits(pattern: string | undefined, value: string | null): boolean {
  if (pattern === undefined || pattern === '*') return true;
  if (value === null) return false;
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern;
}

/** The first rule all of whose conditions hold; where there is none the job is tried again. */
export function decide(rules: readonly ExitRule[], { exitCode, statusReason, reason }: Outcome): 'RETRY' | 'EXIT' {
  const found = rules.find(
    ({ OnExitCode, OnReason, OnStatusReason }) =>
      fits(OnExitCode, exitCode === null ? null : String(exitCode)) &&
      fits(OnReason, reason) &&
      fits(OnStatusReason, statusReason),
  );
  return found?.Action.toUpperCase() === 'EXIT' ? 'EXIT' : 'RETRY';
}
