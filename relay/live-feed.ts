import type { WebSocket } from 'ws';
import { viewOf } from './api-rooms.ts';
import type { LiveRooms } from './live.ts';
import type { LiveMessage } from './protocol.js';
import type { Readers } from './publish.ts';

export interface LiveFeedParts {
  readonly rooms: Pick<LiveRooms, 'all'>;
  readonly readers: Pick<Readers, 'byRoom'>;
}

/** What admin pages see of all rooms, as it changes. */
export class LiveFeed {
  readonly #parts: LiveFeedParts;

  constructor(parts: LiveFeedParts) {
    this.#parts = parts;
  }

  /** Serves an open socket until it closes: every room, then what changes. */
  serve(socket: WebSocket): void {
    const first: LiveMessage = { type: 'rooms', at: Date.now(), rooms: this.#parts.rooms.all().map(viewOf), gone: [] };
    socket.send(JSON.stringify(first));
  }
}
