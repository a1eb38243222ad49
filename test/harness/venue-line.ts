import { execFileSync } from 'node:child_process';

const run = (...command: string[]) => execFileSync(command[0] ?? '', command.slice(1), { stdio: 'pipe' });

/**
 * A venue's line: a network namespace behind a token bucket in each direction, with small socket buffers, so that what
 * the kernel hides of a queue is as little as on a kit. Needs root and the kernel's `tbf`.
 */
export class VenueLine {
  static #laid = 0;
  readonly #number: number;
  /** Of the kernel's `tbf`. */
  readonly #bucket: readonly string[];

  private constructor(number: number, kbitPerSecond: number) {
    this.#number = number;
    this.#bucket = ['root', 'tbf', 'rate', `${kbitPerSecond}kbit`, 'burst', '4kb', 'latency', '400ms'];
  }

  /** @returns the reason where this machine does not let us lay one */
  static lay(kbitPerSecond: number): VenueLine | string {
    const line = new VenueLine(VenueLine.#laid++, kbitPerSecond);
    try {
      line.#lay();
      return line;
    } catch (error) {
      line.remove();
      return `a line cannot be laid here: ${error instanceof Error ? error.message.trim() : error}`;
    }
  }

  /** This machine's end of it. */
  get hostAddress(): string {
    return `10.199.${this.#number}.1`;
  }

  /** The command that runs a program at the other end. */
  get through(): string[] {
    return ['ip', 'netns', 'exec', this.#name];
  }

  /** Every packet is lost in both directions and nothing is said of it, until called with false: a real black hole, in which
   * TCP waits longer and longer before it sends again. It is at this machine's end, for what a sender's own queue drops its
   * TCP knows of. */
  lose(on: boolean): void {
    const address = ['addr', on ? 'del' : 'add', `${this.hostAddress}/30`, 'dev', this.#host];
    const route = ['route', on ? 'add' : 'del', 'blackhole', `10.199.${this.#number}.2/32`];
    for (const step of on ? [address, route] : [route, address]) run('ip', ...step);
  }

  remove(): void {
    for (const command of [
      ['ip', 'route', 'del', 'blackhole', `10.199.${this.#number}.2/32`],
      ['ip', 'link', 'del', this.#host],
      ['ip', 'netns', 'del', this.#name],
    ])
      try {
        run(...command);
      } catch {} // was never made
  }

  get #name(): string {
    return `sala-${process.pid}-${this.#number}`;
  }

  get #host(): string {
    return `sv${process.pid}-${this.#number}`;
  }

  get #kit(): string {
    return `sk${process.pid}-${this.#number}`;
  }

  #lay(): void {
    const kit = this.#kit;
    const inside = (...command: string[]) => run(...this.through, ...command);
    run('ip', 'netns', 'add', this.#name);
    run('ip', 'link', 'add', this.#host, 'type', 'veth', 'peer', 'name', kit);
    run('ip', 'link', 'set', kit, 'netns', this.#name);
    run('ip', 'addr', 'add', `${this.hostAddress}/30`, 'dev', this.#host);
    run('ip', 'link', 'set', this.#host, 'up');
    inside('ip', 'addr', 'add', `10.199.${this.#number}.2/30`, 'dev', kit);
    inside('ip', 'link', 'set', kit, 'up');
    inside('ip', 'link', 'set', 'lo', 'up');
    for (const name of ['tcp_rmem', 'tcp_wmem'])
      inside('sh', '-c', `echo '4096 16384 65536' > /proc/sys/net/ipv4/${name}`);
    run('tc', 'qdisc', 'add', 'dev', this.#host, ...this.#bucket);
    inside('tc', 'qdisc', 'add', 'dev', kit, ...this.#bucket);
  }
}
