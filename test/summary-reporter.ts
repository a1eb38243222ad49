import type { Reporter, TestModule } from 'vitest/node';

/** Ends a test run with one plain line for machines: `N passed, N failed, N skipped`. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      let failed = 0;
      for (const each of module.children.allTests()) {
        const { state } = each.result();
        if (state === 'passed') counts.passed++;
        else if (state === 'skipped') counts.skipped++;
        else failed++; // also one that never came to its end
      }
      // A file that cannot be loaded, or a hook that fails, has no failed test of its own.
      counts.failed += failed === 0 && !module.ok() ? 1 : failed;
    }
    process.on('exit', () =>
      process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`),
    );
  }
}
