import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { run } from './shell.ts';

export interface EmulatedPiOptions {
  /** The card: an image file. It is written to. */
  readonly card: string;
  /** qcow2 where only what differs from another file is kept. */
  readonly format: 'raw' | 'qcow2';
  /** Kernel and initial file system, as the firmware would read them from the card. */
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
  /** Everything the console says. */
  readonly log: string;
  /** Where the kit finds the relay, as `10.0.2.100:8080`, and the port of this machine that it is. */
  readonly relay: { readonly host: string; readonly port: number; readonly hostPort: number };
  /** What the clock of the board says at the start; a Raspberry Pi has none that it could ask. */
  readonly clock: string;
}

interface Waiter {
  readonly pattern: RegExp;
  readonly found: (line: string) => void;
}

/**
 * A board like a Raspberry Pi as far as an emulator has one: 64-bit ARM, 2 cores, 1 GiB, a disk, a network that leads to
 * the relay and nowhere else. No firmware: the emulator reads kernel and command line as the firmware would.
 */
export class EmulatedPi {
  readonly #options: EmulatedPiOptions;
  readonly #waiters = new Set<Waiter>();
  #child: ChildProcess | null = null;
  #startedMs = 0;
  #ended: Promise<void> = Promise.resolve();
  /** Lines with the seconds since power-on. */
  readonly lines: { readonly seconds: number; readonly text: string }[] = [];

  constructor(options: EmulatedPiOptions) {
    this.#options = options;
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  get isOff(): boolean {
    return this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  powerOn(): void {
    const { card, format, kernel, initrd, cmdline, relay, clock, log } = this.#options;
    const forward = `${process.execPath} ${join(import.meta.dirname, 'forward.ts')} ${relay.hostPort}`;
    const args = [
      ...['-M', 'virt', '-cpu', 'cortex-a72', '-smp', '2', '-m', '1024', '-accel', 'tcg,thread=multi'],
      ...['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-rtc', `base=${clock}`],
      ...['-kernel', kernel, '-initrd', initrd, '-append', cmdline],
      ...[
        '-drive',
        `file=${card},format=${format},if=none,id=card,cache=writeback`,
        '-device',
        'virtio-blk-pci,drive=card',
      ],
      ...['-netdev', `user,id=net,restrict=on,guestfwd=tcp:${relay.host}:${relay.port}-cmd:${forward}`],
      ...['-device', 'virtio-net-pci,netdev=net,romfile=', '-device', 'virtio-rng-pci'],
    ];
    this.#startedMs = performance.now();
    const output = createWriteStream(log, { flags: 'a' });
    const child = spawn('qemu-system-aarch64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output.write(chunk);
      const parts = (rest + chunk).split(/\r?\n/);
      rest = (parts.pop() ?? '').slice(-4096);
      for (const text of parts) this.#line(text);
      // A prompt has no end of line.
      if (/login: $/.test(rest)) this.#line(rest);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => output.write(`[qemu] ${chunk}`));
    this.#ended = new Promise((resolve) => {
      child.on('close', () => {
        output.end();
        resolve();
      });
    });
  }

  #line(text: string): void {
    this.lines.push({ seconds: this.seconds, text });
    for (const waiter of this.#waiters)
      if (waiter.pattern.test(text)) {
        this.#waiters.delete(waiter);
        waiter.found(text);
      }
  }

  /** The first line from now on that matches. @throws Error where none came in time, or the machine went off */
  async said(pattern: RegExp, timeoutSeconds: number): Promise<string> {
    return await new Promise((resolve, reject) => {
      const fail = (why: string) => {
        this.#waiters.delete(waiter);
        const last = this.lines.slice(-15).map(({ text }) => text);
        reject(new Error(`${why} before the console said ${pattern}:\n${last.join('\n')}`));
      };
      const timer = setTimeout(() => fail(`${timeoutSeconds} s went by`), timeoutSeconds * 1000);
      const waiter: Waiter = {
        pattern,
        found: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
      };
      this.#waiters.add(waiter);
      void this.#ended.then(() => {
        clearTimeout(timer);
        fail('the machine went off');
      });
    });
  }

  /** What the card would hold if the power failed now: `work` runs while the machine stands still. */
  async frozen(work: () => Promise<void>): Promise<void> {
    this.#child?.kill('SIGSTOP');
    try {
      await work();
    } finally {
      this.#child?.kill('SIGCONT');
    }
  }

  /** The plug is pulled: what the guest's memory held is gone. */
  async cutPower(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }
}

/** A file of the boot partition of `card`, which is raw. */
export async function bootFile(card: string, name: string, offset: number): Promise<string> {
  return await run('mtype', ['-i', `${card}@@${offset}`, `::${name}`]);
}
