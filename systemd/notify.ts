import { spawn } from 'node:child_process';
import systemdNotify from 'systemd-notify';
import { messageOf } from './errors.ts';
import type { Logger } from './log.ts';

export interface NotifierOptions {
  /** The program's environment; without NOTIFY_SOCKET nothing is ever sent. */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  readonly now?: () => number;
  readonly maxLoopLagMs?: number;
  /** How long the evidence may take. */
  readonly evidenceTimeoutMs?: number;
}

/**
 * Tells systemd how the program is. The watchdog is fed on evidence alone: never by a timer that would go on ticking in
 * a program that no longer does its work. The unit needs `NotifyAccess=all`, because a child process sends.
 */
export class SystemdNotifier {
  readonly #enabled: boolean;
  readonly #watchdogMs: number;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #maxLoopLagMs: number;
  readonly #evidenceTimeoutMs: number;
  #timer: NodeJS.Timeout | undefined;
  #status = '';
  #failed = false;

  constructor({
    env,
    log,
    now = () => performance.now(),
    maxLoopLagMs = 1000,
    evidenceTimeoutMs = 5000,
  }: NotifierOptions) {
    this.#enabled = Boolean(env.NOTIFY_SOCKET);
    const forUs = env.WATCHDOG_PID === undefined || env.WATCHDOG_PID === String(process.pid);
    this.#watchdogMs = forUs ? Number(env.WATCHDOG_USEC ?? 0) / 1000 : 0;
    this.#log = log;
    this.#now = now;
    this.#maxLoopLagMs = maxLoopLagMs;
    this.#evidenceTimeoutMs = evidenceTimeoutMs;
  }

  /** The program does its work; with a line on how. */
  async ready(status: string): Promise<void> {
    if (!this.#enabled) return;
    this.#status = status;
    await this.#try(systemdNotify({ ready: true, status }));
  }

  /** A line for `systemctl status`; the same line is sent once. */
  async status(status: string): Promise<void> {
    if (!this.#enabled || status === this.#status) return;
    this.#status = status;
    await this.#try(systemdNotify({ status }));
  }

  /**
   * Feeds the watchdog at half its time, as long as the event loop is on time and `evidence` resolves.
   * @param evidence rejects with what does not work; one that never settles counts as that
   */
  watch(evidence: () => Promise<void>): void {
    if (!this.#enabled || !(this.#watchdogMs > 0) || this.#timer) return;
    const everyMs = this.#watchdogMs / 2;
    let dueAtMs = this.#now() + everyMs;
    let asking = false;
    this.#timer = setInterval(() => {
      const lagMs = this.#now() - dueAtMs;
      dueAtMs = this.#now() + everyMs;
      if (lagMs > this.#maxLoopLagMs) this.#log.warn({ lagMs: Math.round(lagMs) }, 'the event loop was late');
      if (asking || lagMs > Math.max(this.#maxLoopLagMs, everyMs / 2)) return;
      asking = true;
      this.#ask(evidence)
        .then(
          () => this.#send('WATCHDOG=1'),
          (error: unknown) => this.#log.error({ error: messageOf(error) }, 'the watchdog is not fed'),
        )
        .finally(() => {
          asking = false;
        });
    }, everyMs);
  }

  /** The program begins to end. */
  async stopping(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#enabled) await this.#send('STOPPING=1');
  }

  #ask(evidence: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const expiry = setTimeout(() => reject(new Error('no answer in time')), this.#evidenceTimeoutMs);
      evidence()
        .then(resolve, reject)
        .finally(() => clearTimeout(expiry));
    });
  }

  /** The npm package knows only ready and status, so the same binary is called for the rest. */
  #send(line: string): Promise<void> {
    return this.#try(
      new Promise<void>((resolve, reject) => {
        const child = spawn('systemd-notify', [line], { stdio: 'ignore', timeout: this.#evidenceTimeoutMs });
        child.once('error', reject);
        child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`systemd-notify: status ${code}`))));
      }),
    );
  }

  async #try(sent: Promise<unknown>): Promise<void> {
    try {
      await sent;
      this.#failed = false;
    } catch (error) {
      if (!this.#failed) this.#log.warn({ error: messageOf(error) }, 'systemd cannot be told');
      this.#failed = true;
    }
  }
}
