import { declareAttacks } from './harness/attack-suite.ts';

// The bound of time is for a machine that runs other tests beside this one; the long form holds the real one.
declareAttacks({ quietSeconds: 6, seconds: 3, deafSeconds: 4, backlogSeconds: 60, maxMoreMs: 2000, maxRssMib: 600 });
