import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

// Node has no datagram sockets of the Unix kind. Whoever tells waits until the descriptor it sent along is closed.
const listener = `
import os, socket, sys
inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
inbox.bind(sys.argv[1])
print("bound", flush=True)
while True:
    data, descriptors, _, _ = socket.recv_fds(inbox, 4096, 4)
    for each in descriptors:
        os.close(each)
    for line in data.decode().splitlines():
        print(line, flush=True)
`;

/** A socket as systemd gives it to a program, and what the program tells. */
export class NotifySocket {
  /** What was told, with the monotonic time at which it was. */
  readonly told: { readonly line: string; readonly atMs: number }[] = [];
  readonly path: string;
  #child: ChildProcess | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async start(): Promise<this> {
    const child = spawn('python3', ['-c', listener, this.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    lines.on('line', (line) => this.told.push({ line, atMs: performance.now() }));
    return this;
  }

  /** How often the watchdog was fed. */
  fed(): number {
    return this.#feedings.length;
  }

  /** When it was fed last. */
  get fedAtMs(): number | undefined {
    return this.#feedings.at(-1);
  }

  longestGapMs(): number {
    const times = this.#feedings;
    return Math.max(0, ...times.slice(1).map((each, i) => each - (times[i] ?? 0)));
  }

  get #feedings(): number[] {
    return this.told.filter(({ line }) => line === 'WATCHDOG=1').map(({ atMs }) => atMs);
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
  }
}
