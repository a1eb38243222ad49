import type { EngineResult } from '../../relay/canonical/contract.ts';

/**
 * A result as `sala_job` writes it, a segment a line.
 * @param rest asked for behind the segments
 */
export function* engineFile(
  segments: Iterable<EngineResult['segments'][number]>,
  rest: () => Omit<EngineResult, 'schema' | 'segments'>,
): Generator<string, void> {
  yield '{"schema":"sala.engine.v1","segments":[';
  let separator = '\n';
  for (const segment of segments) {
    yield separator + JSON.stringify(segment);
    separator = ',\n';
  }
  yield `\n],${JSON.stringify(rest()).slice(1)}\n`;
}
