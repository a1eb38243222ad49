import { setTimeout as delay } from 'node:timers/promises';
import { SalaError } from '../systemd/errors.ts';
import type { Playing, Pulse } from './pulse.ts';

/** By this name all that was made is found again, and nothing else. */
export const sinkName = 'sala-loopback';
export const monitorName = `${sinkName}.monitor`;
const searchIntervalMs = 500;

const isSink = (argument: string) => argument.split(' ').includes(`sink_name=${sinkName}`);
const isEcho = (argument: string) => argument.split(' ').includes(`source=${monitorName}`);

/** Whether this is played by the application called `app`: its name or its program, in upper or lower case. */
export function isPlayedBy(app: string, { properties }: Pick<Playing, 'properties'>): boolean {
  const wanted = app.toLowerCase();
  const name = properties['application.name']?.toLowerCase() ?? '';
  const program = properties['application.process.binary']?.toLowerCase() ?? '';
  return name.includes(wanted) || program === wanted;
}

/** A sound output that nobody hears, whose other end can be captured. */
export class LoopbackSink {
  readonly #pulse: Pulse;

  constructor(pulse: Pulse) {
    this.#pulse = pulse;
  }

  /** Makes what is not there yet. With `monitor` the default output plays it too. */
  async make(monitor: boolean): Promise<void> {
    const before = await this.#pulse.modules();
    const output = await this.#pulse.defaultSink();
    if (!before.some(({ name, argument }) => name === 'module-null-sink' && isSink(argument)))
      await this.#pulse.load(
        'module-null-sink',
        `sink_name=${sinkName}`,
        `sink_properties=device.description=${sinkName}`,
      );
    if (!monitor || before.some(({ name, argument }) => name === 'module-loopback' && isEcho(argument))) return;
    // An output that is the sink itself would feed it back to itself.
    if (output === sinkName) return;
    await this.#pulse.load('module-loopback', `source=${monitorName}`, `sink=${output}`, 'latency_msec=50');
  }

  /**
   * Moves all that `app` plays into the sink, and waits for it where it plays nothing yet.
   * @returns how many it moved
   * @throws {SalaError} `app-absent` after `timeoutMs`, naming what plays instead
   */
  async take(app: string, timeoutMs: number): Promise<number> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const all = await this.#pulse.playing();
      const found = all.filter((each) => isPlayedBy(app, each));
      for (const { index } of found) await this.#pulse.move(index, sinkName);
      if (found.length > 0) return found.length;
      if (performance.now() >= deadlineMs) throw absent(app, all);
      await delay(searchIntervalMs);
    }
  }

  /** Gives the applications their output back and removes what `make` made, no more; returns how many parts that were. */
  async remove(): Promise<number> {
    const own = (await this.#pulse.modules()).filter(
      ({ name, argument }) =>
        (name === 'module-loopback' && isEcho(argument)) || (name === 'module-null-sink' && isSink(argument)),
    );
    const output = await this.#pulse.defaultSink();
    const sink = (await this.#pulse.sinks()).find(({ name }) => name === sinkName);
    if (sink && output !== sinkName)
      for (const each of await this.#pulse.playing())
        if (each.sink === sink.index) await this.#pulse.move(each.index, output);
    // The loopback first: it stands on the sink.
    const echoFirst = own.sort((a, b) => a.name.localeCompare(b.name));
    for (const { index } of echoFirst) await this.#pulse.unload(index);
    return own.length;
  }
}

function absent(app: string, all: readonly Playing[]): SalaError {
  const names = [...new Set(all.map(({ properties }) => properties['application.name'] ?? 'a nameless one'))];
  return new SalaError(`no application called "${app}" plays anything`, {
    code: 'app-absent',
    hint:
      names.length > 0
        ? `Start the sound in it and run this again. These play now: ${names.slice(0, 10).join(', ')}.`
        : 'Start the sound in it and run this again. Nothing plays now.',
  });
}
