// @ts-check
/**
 * The least that a relay in Node can do for the same load: count the bytes of each room's audio and send the captions
 * of `script:load` to its readers. No rooms to make, no rights, no limits, no durability, no history, no answers.
 * Plain JavaScript, so that nothing is spent on stripping types.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const frameBytes = 3200;
const headerBytes = 16;

/** @typedef {{ plain: Set<import('ws').WebSocket>, partials: Set<import('ws').WebSocket>, bytes: number, frames: number, seq: number }} Room */
/** @type {Map<string, Room>} */
const rooms = new Map();

/** @param {string} name */
function roomOf(name) {
  const room = rooms.get(name) ?? { plain: new Set(), partials: new Set(), bytes: 0, frames: 0, seq: 0 };
  rooms.set(name, room);
  return room;
}

/** @param {Iterable<import('ws').WebSocket>} readers @param {object} message */
function publish(readers, message) {
  const bytes = Buffer.from(JSON.stringify(message));
  for (const reader of readers) reader.send(bytes, { binary: false });
}

/** @param {Room} room */
function frame(room) {
  room.frames++;
  const within = ((room.frames - 1) % 30) + 1;
  if (within % 3 !== 0 || within === 27) return;
  const line = Math.floor((room.frames - 1) / 30);
  const words = Array.from({ length: Math.min(8, within / 3) }, (_, i) => `w${line * 8 + i}`).join(' ');
  const start = Date.now() - within * 100;
  const common = { text: words, language: 'en-US', start };
  if (within < 30) {
    publish(room.partials, { type: 'partial', ...common });
    return;
  }
  const places = { stream: '00000000-0000-0000-0000-000000000000', from: line * 48000, to: (line + 1) * 48000 };
  const caption = { type: 'caption', seq: ++room.seq, final: true, ...common, end: Date.now(), speaker: null };
  publish(room.plain, { ...caption, late: false, ...places });
  publish(room.partials, { ...caption, late: false, ...places });
}

const http = createServer();
new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', (socket, request) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'ws://floor');
  const [, , , name = '', role] = pathname.split('/');
  const room = roomOf(name);
  if (role === 'captions') {
    const readers = searchParams.get('partial') === 'true' ? room.partials : room.plain;
    readers.add(socket);
    socket.on('close', () => readers.delete(socket));
    return;
  }
  socket.on('message', (data, isBinary) => {
    if (!isBinary) {
      if (room.bytes === 0) socket.send(JSON.stringify({ type: 'welcome', relay: randomUUID() }));
      return;
    }
    room.bytes +=
      (Buffer.isBuffer(data) ? data.length : data instanceof ArrayBuffer ? data.byteLength : 0) - headerBytes;
    while ((room.frames + 1) * frameBytes <= room.bytes) frame(room);
  });
});
http.listen(0, '127.0.0.1', () => {
  const address = http.address();
  const port = typeof address === 'object' ? address?.port : 0;
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: `http://127.0.0.1:${port}` })}\n`);
});
process.on('SIGTERM', () => process.exit(0));
