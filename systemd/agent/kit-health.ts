import type { KitHealth, KitUpdate } from '../../relay/kit-protocol.ts';
import type { Explained } from '../errors.ts';

export interface KitPicture {
  /** What needs a person, the worst first. */
  readonly problems: readonly (Explained | null)[];
  readonly connected: boolean;
  readonly page: KitHealth['page'];
  readonly machine: KitHealth['machine'] | null;
  readonly update: KitUpdate | null;
}

/** The kit in one word and one sentence, bounded as the wire wants it. */
export function kitHealthOf({ problems, connected, page, machine, update }: KitPicture): KitHealth {
  const problem = problems.find((each) => each !== null);
  return {
    state: problem?.code.slice(0, 64) ?? (connected ? 'ok' : 'starting'),
    message: (problem?.message ?? (connected ? 'All is well' : 'Connecting to the relay')).slice(0, 500),
    ...(problem && { hint: problem.hint.slice(0, 500) }),
    ...(page && { page }),
    ...(machine && { machine }),
    ...(update && { update }),
  };
}
