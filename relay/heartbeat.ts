import type { WebSocket } from 'ws';

export interface HeartbeatTiming {
  readonly intervalMs: number;
  /** Without a pong or a message for this long the peer is dead. */
  readonly deadAfterMs: number;
}

/**
 * Pings a socket until it closes, and terminates one whose peer is gone: a vanished reader can hide behind the kernel's
 * buffers for hours, and a half-open source looks like a silent room.
 * @param onBeat called before each ping
 */
export function keepHeartbeat(socket: WebSocket, timing: HeartbeatTiming, onBeat: () => void = () => {}): void {
  let heardMs = performance.now();
  const heard = () => {
    heardMs = performance.now();
  };
  socket.on('pong', heard);
  socket.on('ping', heard);
  socket.on('message', heard);
  const timer = setInterval(() => {
    if (performance.now() - heardMs > timing.deadAfterMs) socket.terminate();
    else {
      onBeat();
      // The pong brings the time back: whoever wants to knows the round trip.
      if (socket.readyState === socket.OPEN) socket.ping(String(performance.now()));
    }
  }, timing.intervalMs);
  socket.once('close', () => clearInterval(timer));
}
