import { leakTest } from './harness/session-leaks.ts';

leakTest(1000);
