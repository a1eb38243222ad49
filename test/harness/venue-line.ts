import { execFileSync } from 'node:child_process';

const run = (...command: string[]) => execFileSync(command[0] ?? '', command.slice(1), { stdio: 'pipe' });

/**
 * A venue's line: a network namespace behind a token bucket in each direction, with small socket buffers, so that what
 * the kernel hides of a queue is as little as on a kit. Needs root and the kernel's `tbf`.
 */
export class VenueLine {
  readonly #name: string;

  private constructor(name: string) {
    this.#name = name;
  }

  /** @returns the reason where this machine does not let us lay one */
  static lay(kbitPerSecond: number): VenueLine | string {
    const line = new VenueLine(`sala-${process.pid}`);
    try {
      line.#lay(kbitPerSecond);
      return line;
    } catch (error) {
      line.remove();
      return `a line cannot be laid here: ${error instanceof Error ? error.message.trim() : error}`;
    }
  }

  /** This machine's end of it. */
  readonly hostAddress = '10.199.77.1';

  /** The command that runs a program at the other end. */
  get through(): string[] {
    return ['ip', 'netns', 'exec', this.#name];
  }

  remove(): void {
    for (const command of [
      ['ip', 'link', 'del', this.#host],
      ['ip', 'netns', 'del', this.#name],
    ])
      try {
        run(...command);
      } catch {} // was never made
  }

  get #host(): string {
    return `sv${process.pid}`;
  }

  #lay(kbitPerSecond: number): void {
    const kit = `sk${process.pid}`;
    const inside = (...command: string[]) => run(...this.through, ...command);
    const bucket = ['root', 'tbf', 'rate', `${kbitPerSecond}kbit`, 'burst', '4kb', 'latency', '400ms'];
    run('ip', 'netns', 'add', this.#name);
    run('ip', 'link', 'add', this.#host, 'type', 'veth', 'peer', 'name', kit);
    run('ip', 'link', 'set', kit, 'netns', this.#name);
    run('ip', 'addr', 'add', `${this.hostAddress}/30`, 'dev', this.#host);
    run('ip', 'link', 'set', this.#host, 'up');
    inside('ip', 'addr', 'add', '10.199.77.2/30', 'dev', kit);
    inside('ip', 'link', 'set', kit, 'up');
    inside('ip', 'link', 'set', 'lo', 'up');
    for (const name of ['tcp_rmem', 'tcp_wmem'])
      inside('sh', '-c', `echo '4096 16384 65536' > /proc/sys/net/ipv4/${name}`);
    run('tc', 'qdisc', 'add', 'dev', this.#host, ...bucket);
    inside('tc', 'qdisc', 'add', 'dev', kit, ...bucket);
  }
}
