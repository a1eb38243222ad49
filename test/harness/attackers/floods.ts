import { randomBytes, randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { captionsProtocol, encodeAudioFrame } from '../../../relay/protocol.js';
import { admission, dial, end, knock, nextAddress, type Prey, pause, Tally } from './wire.ts';

const halves: Readonly<Record<string, string>> = {
  'says nothing': '',
  'half a request line': 'GET /healthz',
  'half a header': 'GET /healthz HTTP/1.1\r\nhost: relay\r\nx-slow: ',
  'half an upgrade': 'GET /api/live HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-slow: ',
  'half a body': 'PUT /api/rooms/hall HTTP/1.1\r\nhost: relay\r\ncontent-length: 1000\r\n\r\n{',
};

/** Connections that never finish what they ask, a byte now and then. @returns how each kind ended within 15 s */
export async function slowHeaders(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const each = 60;
  const ends = Object.entries(halves).flatMap(([name, begun]) =>
    Array.from({ length: each }, async () => {
      const socket = dial(prey);
      socket.resume();
      socket.write(begun);
      const drip = setInterval(() => begun && socket.writable && socket.write('x'), 1000);
      const closed = new Promise<string>((resolve) => socket.once('close', () => resolve('closed in time')));
      tally.note(name, await Promise.race([closed, pause(15_000).then(() => 'held open')]));
      clearInterval(drip);
      socket.destroy();
    }),
  );
  await Promise.all(ends);
  return tally;
}

/** A thousand connections a second from one address, with a token that opens nothing. */
export async function connections(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const localAddress = nextAddress();
  const waiting = new Set<Promise<void>>();
  const key = randomBytes(16).toString('base64');
  const knockOnce = () =>
    new Promise<void>((resolve) => {
      const socket = dial(prey, localAddress);
      let answer = '';
      socket.on('data', (data) => {
        answer += data;
      });
      socket.once('close', () => {
        const status = /^HTTP\/1.1 (\d+)/.exec(answer)?.[1] ?? 'cut';
        tally.note('a socket', `${status} ${/"code":"([\w-]+)"/.exec(answer)?.[1] ?? ''}`.trim());
        resolve();
      });
      socket.write(
        `GET /api/rooms/${prey.room}/audio HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\nsec-websocket-protocol: sala.audio.v1, bearer.${randomBytes(12).toString('hex')}\r\n\r\n`,
      );
    });
  const begunMs = performance.now();
  let sent = 0;
  while (performance.now() - begunMs < prey.seconds * 1000) {
    const due = Math.floor(performance.now() - begunMs);
    for (; sent < due && waiting.size < 2000; sent++) {
      const one = knockOnce().finally(() => waiting.delete(one));
      waiting.add(one);
    }
    await pause(10);
  }
  await Promise.all(waiting);
  tally.note('attempts a second', String(Math.round(sent / ((performance.now() - begunMs) / 1000))));
  return tally;
}

/** Two hundred readers that never read a byte. */
export async function deafReaders(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const localAddress = nextAddress();
  const key = randomBytes(16).toString('base64');
  const sockets = Array.from({ length: 200 }, () => {
    const socket = dial(prey, localAddress);
    socket.write(
      `GET /api/rooms/${prey.room}/captions?since=0&partial=true&late=true&level=true HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\nsec-websocket-protocol: ${captionsProtocol}, bearer.${prey.tokens.read}\r\n\r\n`,
    );
    return socket; // nobody listens for its data: it stays in the kernel
  });
  await pause(prey.seconds * 1000);
  const endOf = async (socket: Socket) => {
    // What the relay ended shows when it is read at last.
    const over = new Promise<string>((resolve) => {
      socket.once('end', () => resolve('cut off'));
      socket.once('close', () => resolve('cut off'));
    });
    socket.resume();
    tally.note('a reader', await Promise.race([over, pause(1000).then(() => 'still there')]));
    socket.destroy();
  };
  await Promise.all(sockets.map(endOf));
  return tally;
}

/** A source whose live edge runs fifty times too fast, again and again; and one that brings frames of one sample. */
export async function fastEdge(prey: Prey): Promise<Tally> {
  const tally = new Tally();
  const begunMs = performance.now();
  const run = async (name: string, samples: number, perSecond: number) => {
    const socket = knock(prey, 'audio', prey.tokens.publish);
    const answer = await admission(socket);
    if (answer !== 'open') return void tally.note(name, answer);
    const format = { encoding: 'pcm_s16le', rate: 16000, channels: 1 };
    const stream = { index: 0, id: randomUUID(), format, edge: 0, ended: false, ranges: [], holes: [], anchors: [] };
    const device = { id: 'racer', version: '1', bootId: randomUUID() };
    socket.send(JSON.stringify({ type: 'hello', device, takeover: true, streams: [stream] }));
    let position = 0;
    const startedMs = performance.now();
    const timer = setInterval(() => {
      const due = ((performance.now() - startedMs) / 1000) * perSecond;
      for (let sent = position / samples; sent < due; sent++) {
        const audio = Buffer.alloc(samples * 2);
        // Every other sample is left out where frames are tiny: nothing joins.
        socket.send(
          encodeAudioFrame({ index: 0, position: samples === 1 ? position * 2 : position, live: true, audio }),
        );
        position += samples;
      }
    }, 10);
    tally.note(name, await end(socket, 5000));
    clearInterval(timer);
  };
  while (performance.now() - begunMs < prey.seconds * 1000) {
    await run('fifty times too fast', 1600, 500);
    await run('samples one by one', 1, 5000);
  }
  return tally;
}
