import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { BufferDatabase, type StoredStream } from '../../device/database.ts';
import { openDatabase } from '../../relay/database.ts';
import { intersect, type RangeSet, subtract, union } from '../../relay/protocol.js';
import { Spool } from '../../relay/spool.ts';
import { createLog } from '../../systemd/log.ts';
import { PowerCut } from './power-cut.ts';
import { keyText } from './power-cut-kit-texts.ts';
import { noise, seeded } from './random.ts';
import { compiledShim } from './shim.ts';

const run = promisify(execFile);
const range = z.tuple([z.number(), z.number()]);
const removals = z.array(z.object({ id: z.string(), ranges: z.array(range) }));

export interface CutOptions {
  readonly seed: number;
  readonly states: number;
  /** Run the program with commits that are not synced: the states must show it. */
  readonly normal?: boolean;
}

export interface CutFindings {
  readonly states: number;
  readonly promises: number;
  readonly syncs: number;
  /** States that the product's own code could not open or read. */
  readonly corrupt: string[];
  /** What was promised and is not there, or is there and not what was written. */
  readonly lost: string[];
}

type Check = (state: { path: string; promised: readonly string[] }, findings: CutFindings) => Promise<void>;

async function cut(program: string, args: readonly string[], options: CutOptions, check: Check): Promise<CutFindings> {
  const shim = compiledShim('power-cut-shim.c');
  if (shim === null) throw new Error('no C compiler');
  // In memory where there is such a place: hundreds of disks are written, and none needs to last.
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sala-power-cut-'));
  const [root, log, marks] = [join(folder, 'root'), join(folder, 'log'), join(folder, 'marks')];
  mkdirSync(root);
  try {
    const preload = pathToFileURL(join(import.meta.dirname, 'power-cut-normal.ts')).href;
    await run(process.execPath, [join(import.meta.dirname, program), root, marks, String(options.seed), ...args], {
      env: {
        PATH: process.env.PATH,
        LD_PRELOAD: shim,
        SALA_POWER_CUT_ROOT: root,
        SALA_POWER_CUT_LOG: log,
        SALA_POWER_CUT_MARKS: marks,
        UV_USE_IO_URING: '0',
        ...(options.normal && { NODE_OPTIONS: `--import=${preload}` }),
      },
    });
    const power = new PowerCut(log, root);
    const findings: CutFindings = {
      states: options.states,
      promises: power.promises,
      syncs: power.syncs,
      corrupt: [],
      lost: [],
    };
    await power.states(options.states, seeded(options.seed), join(folder, 'states'), async (state) => {
      await check(state, findings);
      rmSync(state.path, { recursive: true, force: true });
    });
    return findings;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// ------------------------------------------------------------------------------------------------------- the device

const chunk = z.object({ id: z.string(), position: z.number(), samples: z.number() });
const deviceLine = z.union([
  z.object({
    begins: z.number(),
    trims: removals,
    drops: z.array(z.object({ id: z.string() })),
    forgets: z.array(z.string()),
  }),
  z.object({
    written: z.number(),
    chunks: z.array(chunk),
    removed: removals,
    forgets: z.array(z.string()),
    record: z.object({ id: z.string(), batch: z.number() }),
  }),
]);

/** What the device's buffer must hold after these promises: by stream, its audio and its newest record. */
function promisedByDevice(lines: readonly string[]): Map<string, { held: RangeSet; batch: number }> {
  const streams = new Map<string, { held: RangeSet; batch: number }>();
  let begun: z.output<typeof deviceLine> | null = null;
  for (const line of lines) {
    const said = deviceLine.parse(JSON.parse(line));
    if ('begins' in said) {
      begun = said;
      continue;
    }
    begun = null;
    const stream = streams.get(said.record.id) ?? { held: [], batch: -1 };
    stream.batch = said.record.batch;
    for (const { position, samples } of said.chunks) stream.held = union(stream.held, [[position, position + samples]]);
    streams.set(said.record.id, stream);
    for (const { id, ranges } of said.removed) {
      const removed = streams.get(id);
      if (removed) removed.held = subtract(removed.held, ranges);
    }
    for (const id of said.forgets) streams.delete(id);
  }
  // A batch that was on its way may have deleted what it was asked to, or not.
  for (const { id, ranges } of begun?.trims ?? []) {
    const stream = streams.get(id);
    if (stream) stream.held = subtract(stream.held, ranges);
  }
  for (const { id } of begun && 'drops' in begun ? begun.drops : []) {
    const stream = streams.get(id);
    if (stream) stream.held = [];
  }
  for (const id of begun?.forgets ?? []) streams.delete(id);
  return streams;
}

const checkDevice: Check = async ({ path, promised }, { corrupt, lost }) => {
  let database: BufferDatabase;
  let found: readonly StoredStream[];
  try {
    database = new BufferDatabase(join(path, 'buffer.db'));
    found = database.list();
  } catch (error) {
    corrupt.push(String(error));
    return;
  }
  for (const [id, { held, batch }] of promisedByDevice(promised)) {
    const stream = found.find((each) => each.id === id);
    const missing = subtract(held, stream?.ranges ?? []);
    if (missing.length > 0) lost.push(`${id}: ${JSON.stringify(missing.slice(0, 3))}`);
    const record = z.object({ batch: z.number() }).safeParse(JSON.parse(stream?.record ?? 'null'));
    if ((record.data?.batch ?? -1) < batch) lost.push(`${id}: the record of batch ${batch}`);
  }
  for (const { id, ranges } of found) {
    const { pieces, damaged } = database.read(id, 0, Number.MAX_SAFE_INTEGER);
    if (damaged.length > 0) corrupt.push(`${id}: a checksum is wrong`);
    const number = Number(id.replace('stream-', ''));
    const unlike = pieces.filter(({ position, audio }) => !same(audio, noise(position + number, audio.length)));
    if (unlike.length > 0) corrupt.push(`${id}: other audio than was written`);
    if (
      subtract(
        ranges,
        union(
          [],
          pieces.map(({ position, samples }) => [position, position + samples]),
        ),
      ).length > 0
    )
      corrupt.push(`${id}: listed and not readable`);
  }
  database.close();
};

/** Cuts the power under a device's buffer that is written, trimmed, bounded and forgotten. */
export function cutDevice({ batches, ...options }: CutOptions & { readonly batches: number }): Promise<CutFindings> {
  return cut('power-cut-device.ts', [String(batches)], options, checkDevice);
}

// -------------------------------------------------------------------------------------------------------- the relay

const relayLine = z.object({ stored: z.string(), ranges: z.array(range) });
const frameSamples = 1600;

const checkRelay: Check = async ({ path, promised }, { corrupt, lost }) => {
  const reported = new Map<string, RangeSet>();
  for (const line of promised) {
    const { stored, ranges } = relayLine.parse(JSON.parse(line));
    reported.set(stored, union(reported.get(stored) ?? [], ranges));
  }
  let spool: Spool;
  let db: ReturnType<typeof openDatabase>;
  try {
    db = openDatabase(path);
    spool = new Spool(db, path, createLog('silent')('spool'));
    spool.start();
  } catch (error) {
    corrupt.push(String(error));
    return;
  }
  const check = db.pragma('integrity_check', { simple: true });
  if (check !== 'ok') corrupt.push(String(check));
  for (const [id, ranges] of reported) {
    const missing = subtract(ranges, spool.get(id)?.stored ?? []);
    if (missing.length > 0) lost.push(`${id}: ${JSON.stringify(missing.slice(0, 3))}`);
  }
  for (const [number, stream] of spool.streamsOf('aula').entries()) {
    // Whatever the database says of audio must be in the files, reported or not.
    for (const [from, to] of subtract(stream.stored, stream.holeRanges)) {
      const audio = await stream.read(from, to);
      for (let position = from; position < to; position += frameSamples) {
        const wanted = noise(position + number, frameSamples * 2);
        if (same(audio.subarray((position - from) * 2, (position - from + frameSamples) * 2), wanted)) continue;
        lost.push(`${stream.id}: the audio at ${position} is not what was stored`);
        break;
      }
    }
    if (intersect(stream.holeRanges, subtract([[0, stream.edge]], stream.stored)).length > 0)
      corrupt.push(`${stream.id}: a hole that is not stored`);
  }
  await spool.stop();
  db.close();
};

/** Cuts the power under a relay's spool and database while two streams are written into them. */
export function cutRelay({
  seconds,
  age,
  ...options
}: CutOptions & { readonly seconds: number; readonly age: 'new' | 'used' }): Promise<CutFindings> {
  return cut('power-cut-relay.ts', [String(seconds), age], options, checkRelay);
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

// ------------------------------------------------------------------------------------------------------- a kit's card

const kitLine = z.object({
  key: z.number(),
  token: z.number().optional(),
  erased: z.number().optional(),
  removed: z.number().optional(),
});

/** A kit's identity that is replaced again and again, and tokens that are erased. */
export async function cutKit(options: CutOptions): Promise<CutFindings> {
  return cut('power-cut-kit.ts', [], options, async ({ path, promised }, findings) => {
    const said = kitLine.parse(JSON.parse(promised.at(-1) ?? '{"key":-1}'));
    const read = (name: string) => {
      const file = join(path, 'data/kit', name);
      return existsSync(file) ? readFileSync(file, 'utf8') : null;
    };
    const key = read('key');
    const round = Number(/^key (\d+)/.exec(key ?? '')?.[1] ?? -1);
    if (key !== null && key !== keyText(round)) findings.corrupt.push(`${path}: a key of parts`);
    if (round < said.key) findings.lost.push(`${path}: key ${round} after ${said.key} was written`);
    if (said.erased !== undefined && /secret/.test(read(`token-${said.erased}`) ?? ''))
      findings.lost.push(`${path}: token ${said.erased} is still there`);
    if (said.removed !== undefined && read(`token-${said.removed}`) !== null)
      findings.lost.push(`${path}: token ${said.removed} came back`);
  });
}
