import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import { predecessor } from './dialects.ts';
import type { LegacyTranscriptQuery } from './door-requests.ts';
import type { LiveRoom } from './live.ts';
import type { Readers } from './publish.ts';

/** The predecessor's transcript socket: `{"text","is_partial"}` of what is said from now on, no history. What its
 * displays send is ignored, as it was. */
export class LegacyReaders {
  readonly #readers: Pick<Readers, 'serveFromNow'>;

  constructor(readers: Pick<Readers, 'serveFromNow'>) {
    this.#readers = readers;
  }

  serve(socket: WebSocket, line: Writable, room: LiveRoom, { partial }: LegacyTranscriptQuery): void {
    this.#readers.serveFromNow(socket, line, room, predecessor, partial);
  }
}
