import { defineConfig } from 'vitest/config';

/** Tests that take minutes: soaks, long outages. `npm run test:long`. */
export default defineConfig({
  test: {
    include: ['test/**/*.long.ts'],
    passWithNoTests: true,
    maxWorkers: 2,
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
  },
});
