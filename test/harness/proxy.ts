import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { lastingPort } from './ports.ts';

/** One direction of the line, shared by all connections. */
interface Line {
  /** When it is free for the next byte. */
  freeAtMs: number;
}

/** What the line itself may hold before it stops reading: a home router's queue. */
const maxQueuedBytes = 64 * 1024;
const sliceMs = 10;

/** A TCP proxy that misbehaves on command: what a venue's network does to a connection. */
export class FaultyProxy {
  readonly #target: { host: string; port: number };
  readonly #host: string;
  readonly #pairs = new Set<readonly [client: Socket, upstream: Socket]>();
  #server: Server;
  #refusing = false;
  #blackHole = false;
  #held = false;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #delayMs = 0;
  readonly #up: Line = { freeAtMs: 0 };
  readonly #down: Line = { freeAtMs: 0 };
  port = 0;
  /** Connections accepted so far. */
  accepted = 0;

  /** @param host where it listens */
  constructor(target: { host: string; port: number }, host = '127.0.0.1') {
    this.#target = target;
    this.#host = host;
    this.#server = this.#make();
  }

  async start(port?: number): Promise<this> {
    this.port = port ?? (await lastingPort(this.#host));
    this.#server.listen(this.port, this.#host);
    await once(this.#server, 'listening');
    return this;
  }

  /** Resets every open connection. */
  cut(): void {
    for (const [client, upstream] of this.#pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
  }

  /** Refuses new connections and cuts the open ones, until called with false. */
  async refuse(on: boolean): Promise<void> {
    if (on === this.#refusing) return;
    this.#refusing = on;
    if (on) {
      const closed = once(this.#server, 'close');
      this.#server.close();
      this.cut();
      await closed;
    } else {
      this.#server = this.#make();
      await this.start(this.port);
    }
  }

  /** Swallows every byte both ways without closing anything, until called with false. Swallowed bytes are lost, so the
   * connections that were open do not recover; new ones made meanwhile are swallowed too. */
  blackHole(on: boolean): void {
    this.#blackHole = on;
  }

  /** Lets at most so many bytes a second pass in each direction, all connections together; Infinity: no bound. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Bytes arrive so much later, in each direction; what is under way keeps its delay. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** A pulled cable: no byte passes, nothing is closed and nothing is lost; all of it arrives when called with false, as TCP
   * sees to by sending again. New connections stand and hear nothing meanwhile. */
  hold(on: boolean): void {
    this.#held = on;
    for (const sockets of this.#pairs)
      for (const socket of sockets) {
        if (on) socket.pause();
        else socket.resume();
      }
  }

  /** Ends only the direction from the client: a half-closed connection. */
  halfClose(): void {
    for (const [client, upstream] of this.#pairs) {
      client.unpipe(upstream);
      upstream.end();
    }
  }

  async stop(): Promise<void> {
    this.cut();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #make(): Server {
    return createServer((client) => {
      this.accepted++;
      const upstream = connect(this.#target);
      const pair = [client, upstream] as const;
      this.#pairs.add(pair);
      const lanes = [this.#lane(client, upstream, this.#up), this.#lane(upstream, client, this.#down)];
      for (const socket of pair) {
        if (this.#held) socket.pause();
        socket.on('error', () => {});
        socket.on('close', async (hadError) => {
          if (this.#blackHole) return; // the other end does not hear of it; `cut` still finds the pair
          this.#pairs.delete(pair);
          if (!hadError) await Promise.all(lanes.map(({ drained }) => drained()));
          client.destroy();
          upstream.destroy();
        });
      }
    });
  }

  /** Carries what comes from one side to the other, as slowly as the line is. */
  #lane(from: Socket, to: Socket, line: Line): { drained(): Promise<void> } {
    const queue: { bytes: Buffer; readonly dueMs: number }[] = [];
    const waiting: (() => void)[] = [];
    let queued = 0;
    let timer: NodeJS.Timeout | undefined;
    const send = (bytes: Buffer) => {
      if (to.write(bytes)) return;
      from.pause();
      to.once('drain', () => this.#held || from.resume());
    };
    const pump = () => {
      timer = undefined;
      for (let head = queue[0]; head; head = queue[0]) {
        const now = performance.now();
        const waitMs = Math.max(head.dueMs, line.freeAtMs) - now;
        if (waitMs > 0 && !to.destroyed) {
          timer = setTimeout(pump, waitMs);
          return;
        }
        const slice = head.bytes.subarray(0, Math.max(1, Math.min(1e9, (this.#bytesPerSecond * sliceMs) / 1000)));
        head.bytes = head.bytes.subarray(slice.length);
        if (head.bytes.length === 0) queue.shift();
        queued -= slice.length;
        // A timer that fires late is made up for, a line that was idle is not.
        line.freeAtMs = Math.max(line.freeAtMs, now - 2 * sliceMs) + (slice.length / this.#bytesPerSecond) * 1000;
        if (!this.#blackHole && !to.destroyed) send(slice);
        if (queued < maxQueuedBytes && from.isPaused() && !to.writableNeedDrain && !this.#held) from.resume();
      }
      for (const resolve of waiting.splice(0)) resolve();
    };
    from.on('data', (bytes: Buffer) => {
      if (this.#blackHole) return;
      if (queue.length === 0 && this.#delayMs === 0 && this.#bytesPerSecond === Number.POSITIVE_INFINITY) {
        send(bytes);
        return;
      }
      queue.push({ bytes, dueMs: performance.now() + this.#delayMs });
      queued += bytes.length;
      if (queued >= maxQueuedBytes && this.#bytesPerSecond < Number.POSITIVE_INFINITY) from.pause();
      if (timer === undefined) pump();
    });
    const drained = () =>
      queue.length === 0 ? Promise.resolve() : new Promise<void>((resolve) => waiting.push(resolve));
    from.on('end', () => {
      if (!this.#blackHole) void drained().then(() => to.end());
    });
    return { drained };
  }
}
