import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { codeOf, messageOf } from '../../systemd/errors.ts';
import type { DevTools, DevToolsEvent } from './devtools.ts';
import { ScreenFault } from './fault.ts';

/** What the page shows, by its own word. */
export interface Sight {
  /** `before` a talk or `talk`. */
  readonly stage: string;
  /** The state that the page tells: `listening`, `lost`, … */
  readonly shows: string;
  readonly title: string;
  /** Nobody can see it: the browser holds its window hidden, and paints nothing. */
  readonly hidden: boolean;
}

export interface PageTimes {
  /** For an answer of the page, and for its frames. */
  readonly beatTimeoutMs: number;
  /** For an answer of the browser. */
  readonly commandTimeoutMs: number;
}

const word = z.string().max(200);
const answer = z.object({
  frames: z.boolean(),
  address: z.string(),
  hidden: z.boolean(),
  stage: word,
  shows: word,
  title: word,
});
const targets = z.object({
  targetInfos: z.array(z.object({ targetId: z.string(), type: z.string(), url: z.string() })),
});
const attached = z.object({ sessionId: z.string() });
const evaluated = z.object({ result: z.object({ value: z.unknown() }) });
const navigated = z.object({ errorText: z.string().optional() });
const processes = z.object({ processInfo: z.array(z.object({ type: z.string(), id: z.number().int().positive() })) });

/**
 * Two frames in a row, so that the first was painted before the second began: a paint loop that has stopped, or a
 * compositor that takes nothing any more, gives none. A page that is not seen paints nothing by design.
 */
const probe = (framesMs: number) => `new Promise((resolve) => {
  const { dataset } = document.documentElement;
  const word = (text) => String(text ?? '').slice(0, 200);
  const tell = (frames) => resolve({ frames, address: location.href, hidden: document.hidden,
    stage: word(dataset.stage), shows: word(dataset.shows), title: word(document.title) });
  if (document.hidden) tell(false);
  else {
    setTimeout(tell, ${framesMs}, false);
    requestAnimationFrame(() => requestAnimationFrame(() => tell(true)));
  }
})`;

/** The one page of a browser, over its DevTools. */
export class WatchedPage {
  readonly #devtools: DevTools;
  readonly #address: string;
  readonly #times: PageTimes;
  #session = '';
  #crashed = false;
  /** Called when something happened after which it is worth looking at once. */
  onEvent: () => void = () => undefined;

  /** @param address of the page; nothing else may be shown */
  constructor(devtools: DevTools, address: string, times: PageTimes) {
    this.#devtools = devtools;
    this.#address = address;
    this.#times = times;
    devtools.onEvent = (event) => this.#hear(event);
  }

  /** Takes hold of the page. @throws {ScreenFault} `strange` while there is none */
  async attach(): Promise<void> {
    const { targetInfos } = targets.parse(await this.#command('Target.getTargets', {}));
    const found = targetInfos.find(({ type }) => type === 'page');
    if (!found) throw new ScreenFault('strange', 'the browser has no page yet');
    const { targetId } = found;
    this.#session = attached.parse(await this.#command('Target.attachToTarget', { targetId, flatten: true })).sessionId;
    this.#crashed = false;
    await this.#command('Inspector.enable', {}, this.#session);
  }

  /** @throws {ScreenFault} what is wrong, where anything is */
  async beat(): Promise<Sight> {
    if (this.#session === '') await this.attach();
    if (this.#crashed) throw new ScreenFault('crashed', 'the page’s process has ended');
    const { beatTimeoutMs } = this.#times;
    const params = { expression: probe(beatTimeoutMs * 0.75), awaitPromise: true, returnByValue: true };
    const { result } = evaluated.parse(
      await this.#command('Runtime.evaluate', params, this.#session, beatTimeoutMs).catch((error: unknown) => {
        throw this.#crashed ? new ScreenFault('crashed', 'the page’s process has ended') : error;
      }),
    );
    const told = answer.safeParse(result.value);
    if (!told.success) throw new ScreenFault('strange', 'the page gives no answer that makes sense');
    const { frames, address, ...sight } = told.data;
    if (address.split('#')[0] !== this.#address) throw new ScreenFault('strange', 'another page is shown');
    if (sight.shows === '') throw new ScreenFault('strange', 'the page’s script has not started');
    if (!frames && !sight.hidden) throw new ScreenFault('still', 'the page answers, and no frame of it is painted');
    return sight;
  }

  /** Loads the page anew, whatever is shown. */
  async reload(): Promise<void> {
    if (this.#session === '') return;
    await this.#command('Page.navigate', { url: this.#address }, this.#session).then((result) => {
      const { errorText } = navigated.parse(result);
      if (errorText !== undefined) throw new ScreenFault('strange', `the page cannot be loaded: ${errorText}`);
    });
    this.#crashed = false;
  }

  /**
   * Ends the page's process and loads the page into a new one: a script that never ends can neither be interrupted nor
   * left behind, since the browser gives the same process to the next page.
   */
  async renew(): Promise<void> {
    const { processInfo } = processes.parse(await this.#command('SystemInfo.getProcessInfo', {}));
    for (const { type, id } of processInfo) if (type === 'renderer') process.kill(id, 'SIGKILL');
    // The browser must have noticed: a page that is loaded before that goes down with the old process.
    for (let waits = 0; waits < 20 && !this.#crashed; waits++) await delay(50);
    await this.reload();
  }

  /** Every process of the browser, by number. */
  async processes(): Promise<number[]> {
    const { processInfo } = processes.parse(await this.#command('SystemInfo.getProcessInfo', {}));
    return processInfo.map(({ id }) => id);
  }

  #hear({ method, sessionId }: DevToolsEvent): void {
    if (method === 'Inspector.targetCrashed' && sessionId === this.#session) this.#crashed = true;
    else if (method === 'Inspector.detached' && sessionId === this.#session) this.#session = '';
    else return;
    this.onEvent();
  }

  /** Every fault of a command as what it says about the screen. */
  async #command(
    method: string,
    params: Readonly<Record<string, unknown>>,
    session?: string,
    timeoutMs = this.#times.commandTimeoutMs,
  ): Promise<unknown> {
    try {
      return await this.#devtools.send(method, params, timeoutMs, session);
    } catch (error) {
      const code = codeOf(error);
      const kind = code === 'devtools-closed' ? 'ended' : code === 'devtools-timeout' ? 'stuck' : 'strange';
      throw new ScreenFault(kind, messageOf(error));
    }
  }
}
