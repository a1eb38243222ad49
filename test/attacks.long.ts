import { declareAttacks } from './harness/attack-suite.ts';

declareAttacks({
  ...{ quietSeconds: 60, seconds: 30, deafSeconds: 70, backlogSeconds: 3600 },
  ...{ maxMoreMs: 100, maxRssMib: 600 },
});
