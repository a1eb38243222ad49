/**
 * Loaded with `--import` into the real relay, before its own code: notes when `script:load` is given a frame and when it
 * says what that frame made it say, and writes both down when the relay ends. The program itself is not touched.
 */
import { writeFileSync } from 'node:fs';
import type { EngineResult } from '../../relay/engines/engine.ts';
import { ScriptEngine } from '../../relay/engines/script.ts';
import { frameSamples } from '../../relay/protocol.js';
import { machineMs } from './clock.ts';
import { frameOf } from './load-words.ts';

const file = process.env.SALA_BENCH_STAMPS;
/** By `ROOM FRAME`: when the engine was given the frame. */
const written = new Map<string, number>();
/** By `ROOM FRAME partial|final`: given and said. */
const said: Record<string, [writtenMs: number, saidMs: number]> = {};
const open = ScriptEngine.prototype.open;

ScriptEngine.prototype.open = function (settings, listener) {
  const { room } = settings;
  const note = ({ text }: EngineResult, isFinal: boolean) => {
    const frame = frameOf(text, isFinal);
    const writtenMs = written.get(`${room} ${frame}`);
    if (writtenMs !== undefined) said[stampKey(room, frame, isFinal)] = [writtenMs, machineMs()];
  };
  const session = open.call(this, settings, {
    ready: () => listener.ready(),
    ended: () => listener.ended(),
    failed: (failure) => listener.failed(failure),
    partial: (result) => {
      note(result, false);
      listener.partial(result);
    },
    final: (result) => {
      note(result, true);
      listener.final(result);
    },
  });
  return {
    end: (timeoutMs) => session.end(timeoutMs),
    abort: () => session.abort(),
    write: (audio, origin) => {
      if (origin) written.set(`${room} ${origin.position / frameSamples + 1}`, machineMs());
      session.write(audio, origin);
    },
  };
};

const stampKey = (room: string, frame: number, isFinal: boolean) => `${room} ${frame} ${isFinal ? 'final' : 'partial'}`;

process.on('exit', () => {
  if (file) writeFileSync(file, JSON.stringify(said));
});
