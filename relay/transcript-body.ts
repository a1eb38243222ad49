import type { TranscriptTurns } from './transcript-turns.ts';

/** How much is made before it is sent. */
const chunkLength = 16_384;

export interface BodyLimits {
  /** A reader that takes nothing for so long is cut off. */
  readonly maxStallMs: number;
  readonly maxTotalMs: number;
}

export const defaultBodyLimits: BodyLimits = { maxStallMs: 20_000, maxTotalMs: 300_000 };

/** What an answer ends with in its midst that is no fault of the relay. */
export class BrokenOff extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'BrokenOff';
  }
}

/** Who takes a body. */
export interface Taker {
  /** Between steps; all bodies share them. */
  readonly turns: Pick<TranscriptTurns, 'step'>;
  /** Called once: at the end, when the reader goes away, or when it is too slow and cut off. */
  release(isCut: boolean): void;
  /** Ends the connection where the text cannot go on, so that it never looks whole; false where there is none. */
  breakOff?(error: unknown): boolean;
}

/**
 * Text as the body of an answer: made as its reader takes it, a step at a time with everyone else's turn in between.
 * @param steps what to make it of; a step may give nothing
 */
export function bodyOf(
  steps: Generator<string, void>,
  taker: Taker,
  { maxStallMs, maxTotalMs }: BodyLimits = defaultBodyLimits,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let isOver = false;
  let stall: NodeJS.Timeout | undefined;
  let total: NodeJS.Timeout | undefined;
  const end = (isCut = false) => {
    isOver = true;
    clearTimeout(stall);
    clearTimeout(total);
    taker.release(isCut);
  };
  // A body that fails would be told of on stdout by what sends it, and its error sent as text behind the captions.
  const fail = (controller: ReadableStreamDefaultController<Uint8Array>, error: unknown) => {
    if (taker.breakOff?.(error)) controller.close();
    else controller.error(error);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const cut = () => {
          if (isOver) return;
          end(true);
          steps.return(undefined);
          fail(controller, new BrokenOff('the reader is too slow'));
        };
        stall = setTimeout(cut, maxStallMs);
        total = setTimeout(cut, maxTotalMs);
      },
      async pull(controller) {
        stall?.refresh();
        try {
          let text = '';
          while (text.length < chunkLength) {
            await taker.turns.step();
            if (isOver) return;
            const { done, value } = steps.next();
            if (done) {
              if (text !== '') controller.enqueue(encoder.encode(text));
              controller.close();
              end();
              return;
            }
            text += value;
          }
          controller.enqueue(encoder.encode(text));
          stall?.refresh();
        } catch (error) {
          end();
          fail(controller, error);
        }
      },
      cancel() {
        if (isOver) return;
        end();
        steps.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
