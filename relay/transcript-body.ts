/** How much is made before it is sent. */
const chunkLength = 16_384;

export interface BodyLimits {
  /** A reader that takes nothing for so long is cut off. */
  readonly maxStallMs: number;
  readonly maxTotalMs: number;
}

export const defaultBodyLimits: BodyLimits = { maxStallMs: 20_000, maxTotalMs: 300_000 };

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Text as the body of an answer: made as its reader takes it, a step at a time with everyone else's turn in between.
 * @param steps what to make it of; a step may give nothing
 * @param release is called once: at the end, when the reader goes away, or when it is too slow and cut off
 */
export function bodyOf(
  steps: Generator<string, void>,
  release: (isCut: boolean) => void,
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
    release(isCut);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const cut = () => {
          if (isOver) return;
          end(true);
          steps.return(undefined);
          // The code of a connection that ended too soon: what sends the answer then breaks it off without a word.
          controller.error(Object.assign(new Error('the reader is too slow'), { code: 'ERR_STREAM_PREMATURE_CLOSE' }));
        };
        stall = setTimeout(cut, maxStallMs);
        total = setTimeout(cut, maxTotalMs);
      },
      async pull(controller) {
        stall?.refresh();
        try {
          let text = '';
          while (text.length < chunkLength) {
            const { done, value } = steps.next();
            if (done) {
              if (text !== '') controller.enqueue(encoder.encode(text));
              controller.close();
              end();
              return;
            }
            text += value;
            await nextTurn();
            if (isOver) return;
          }
          controller.enqueue(encoder.encode(text));
          stall?.refresh();
        } catch (error) {
          end();
          throw error;
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
