import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSource } from '../../device/sources/index.ts';
import { createLog } from '../../systemd/log.ts';
import { NumberedSignalDecoder, numberedBlocks, type SeenBlock } from './numbered-signal.ts';
import { PulseRig } from './pulse.ts';
import { SourceRecorder } from './source-recorder.ts';
import { writeWav } from './wav.ts';

export interface NumberedRun {
  readonly blocks: SeenBlock[];
  /** What the sound server itself reports to have lost. */
  readonly xruns: string[];
  readonly states: string[];
}

async function play(count: number): Promise<NumberedRun> {
  const folder = mkdtempSync(join(tmpdir(), 'sala-numbered-'));
  const rig = await PulseRig.start(process.env);
  const options = { log: createLog('silent')('test'), execPath: process.execPath, env: rig.env };
  const source = createSource('mixer:mixer', { ...options, rateHz: 16000, channels: 1 });
  const heard = new SourceRecorder();
  source.start(heard);
  try {
    await heard.untilState('capturing');
    const wav = join(folder, 'numbered.wav');
    writeWav(wav, numberedBlocks(1, count));
    await rig.playToEnd(wav);
    const decoder = new NumberedSignalDecoder();
    const blocks: SeenBlock[] = [];
    let read = 0;
    await heard.until(`block ${count}`, () => {
      for (; read < heard.chunks.length; read++)
        blocks.push(...decoder.push(heard.chunks[read]?.audio ?? new Int16Array()));
      return blocks.some(({ number }) => number === count);
    });
    return { blocks, xruns: rig.xruns, states: heard.states.map(({ state }) => state) };
  } finally {
    await source.stop();
    await rig.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Plays `count` numbered blocks through a sound server and returns what the mixer source heard of them; once more where the
 * server itself lost something. */
export async function playNumbered(count: number): Promise<NumberedRun> {
  const result = await play(count);
  if (result.xruns.length === 0) return result;
  process.stderr.write(`PulseAudio itself reported: ${result.xruns.slice(0, 3).join(' | ')}; once more\n`);
  return play(count);
}

/** The numbers of blocks, between the first and the last, of which a sample was changed. */
export function changedBlocks({ blocks }: NumberedRun): number[] {
  // A sound server may cut the very first and last milliseconds of what is played.
  return blocks
    .slice(1, -1)
    .filter(({ packets }) => packets < 40)
    .map(({ number }) => number);
}
