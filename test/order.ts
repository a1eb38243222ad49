import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Short files that wait for most of their time. */
const waiting = ['fuzz', 'paid-talks', 'faults-narrow', 'proxies-idle'].map((name) => `/${name}.test.ts`);
const apart = 30;

/** As vitest has them, the largest first; those that wait among others that keep the cores busy, not all at the end. */
export default class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isWaiting = ({ moduleId }: TestSpecification) => waiting.some((name) => moduleId.endsWith(name));
    const sorted = (await super.sort(files)).filter((file) => !isWaiting(file));
    for (const [n, file] of files.filter(isWaiting).entries()) sorted.splice((n + 1) * apart, 0, file);
    return sorted;
  }
}
