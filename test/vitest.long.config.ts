import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Tests that take minutes: soaks, long outages. `npm run test:long`. */
export default defineConfig({
  test: {
    include: [
      'test/**/*.long.ts',
      'test/{page-phone,page-screen-words,pocketsphinx,recording-archive,sink-clickhouse}.test.ts',
    ],
    passWithNoTests: true,
    // Programs start hundreds of times: what Node made of their sources is kept.
    env: { NODE_COMPILE_CACHE: resolve(import.meta.dirname, '../.cache/compiled'), SALA_TEST_LONG: 'yes' },
    maxWorkers: 2,
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
  },
});
