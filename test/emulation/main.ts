/**
 * Boots a kit as far as a computer without one can: see README.md. `node test/emulation/main.ts COMMAND [options]`.
 */
import { existsSync } from 'node:fs';
import { appendFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { seeded } from '../harness/random.ts';
import { makeCard, putToken } from './card.ts';
import { makeSystem } from './debian-system.ts';
import { type Kind, KitTrial, kitName, relayAddress, roomName } from './kit-trial.ts';
import { makeImage } from './pi-image.ts';
import { run, say } from './shell.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    folder: { type: 'string', default: '.cache/emulation' },
    base: { type: 'string' },
    releases: { type: 'string', default: 'releases' },
    packages: { type: 'string', default: 'packages' },
    kind: { type: 'string', default: 'device' },
    cuts: { type: 'string', default: '10' },
    'from-line': { type: 'string', default: '440' },
    'to-line': { type: 'string', default: '590' },
    seed: { type: 'string', default: '1' },
    resume: { type: 'boolean', default: false },
  },
});
const [command] = positionals;
const folder = resolve(values.folder);
const [system, image] = [join(folder, 'root'), join(folder, 'lite.img')];
const kind: Kind = values.kind === 'display' || values.kind === 'solo' ? values.kind : 'device';
const results = join(folder, `${command}-${kind}.jsonl`);

async function record(result: object): Promise<void> {
  const line = JSON.stringify({ at: new Date().toISOString(), ...result });
  say(line);
  await appendFile(results, `${line}\n`);
}

async function prepare(): Promise<{ trial: KitTrial; pristine: string }> {
  await mkdir(folder, { recursive: true });
  await makeSystem(system, values.base);
  await makeImage(system, image);
  const trial = await KitTrial.start(folder, system, kind);
  const pristine = join(folder, `card-${kind}.img`);
  if (!existsSync(pristine))
    await makeCard(pristine, {
      ...{ folder, image, kind, kit: kitName, room: roomName, enrolment: await trial.token() },
      releases: resolve(values.releases),
      packages: resolve(values.packages),
      relay: `http://${relayAddress.host}:${relayAddress.port}`,
    });
  return { trial, pristine };
}

/** First boot, then one more, as it is every day after. */
async function boot(): Promise<void> {
  const { trial, pristine } = await prepare();
  const card = await trial.newCard(pristine, `boot-${kind}`);
  for (const isFirst of [true, false]) {
    const pi = await trial.powerOn(card, `boot-${kind}-${isFirst ? 'first' : 'later'}`);
    const outcome = await trial.outcome(pi, isFirst);
    await pi.cutPower();
    await record({ boot: isFirst ? 'first' : 'later', ...outcome });
  }
  await record({ card: await trial.inspect(card), breadcrumb: await trial.breadcrumb(card) });
  await trial.stop();
}

interface Cut {
  readonly card: string;
  readonly seconds: number;
  /** The last that the console said. */
  readonly during: string;
}

/** The moments of one first boot: a copy of the card at each is what a power failure then would have left. */
async function collectCuts(trial: KitTrial, pristine: string, count: number): Promise<Cut[]> {
  const random = seeded(Number(values.seed));
  // By what the console says, not by the clock: how fast the board is depends on what else this machine does.
  const [first, last] = [Number(values['from-line']), Number(values['to-line'])];
  const moments = Array.from({ length: count }, () => first + Math.floor(random() * (last - first))).sort(
    (a, b) => a - b,
  );
  const card = await trial.newCard(pristine, `cuts-${kind}`);
  const pi = await trial.powerOn(card, `cuts-${kind}`);
  const cuts: Cut[] = [];
  for (const [index, moment] of moments.entries()) {
    while (pi.lines.length < moment && !pi.isOff) await delay(20 + random() * 200);
    if (pi.isOff) throw new Error('the machine went off');
    const cut = join(folder, `cut-${kind}-${index + 1}.img`);
    const seconds = Math.round(pi.seconds);
    await pi.frozen(async () => void (await run('cp', ['--sparse=always', card, cut])));
    cuts.push({ card: cut, seconds, during: pi.lines.at(-1)?.text.slice(0, 120) ?? '' });
    say(`cut ${index + 1} after ${seconds} s: ${cuts.at(-1)?.during}`);
  }
  await pi.cutPower();
  await rm(card);
  return cuts;
}

/** Copies of an earlier call that were not booted to their end. */
async function leftCuts(): Promise<Cut[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(`cut-${kind}-`) && name.endsWith('.img'));
  return names.toSorted().map((name) => ({ card: join(folder, name), seconds: 0, during: `not noted (${name})` }));
}

/** After each of them the next boot has to end in a working kit. */
async function cuts(): Promise<void> {
  const { trial, pristine } = await prepare();
  let failed = 0;
  const all = values.resume ? await leftCuts() : await collectCuts(trial, pristine, Number(values.cuts));
  for (const [index, { card, seconds, during }] of [...all.entries()].reverse()) {
    await putToken(card, (await trial.token()).token);
    const pi = await trial.powerOn(card, `cuts-${kind}-after-${index + 1}`);
    // A first boot that was over before the cut says nothing of it any more.
    const wasDone = (await trial.breadcrumb(card)).endsWith('done');
    const outcome = await trial.outcome(pi, !wasDone);
    await pi.cutPower();
    const faults = [...outcome.faults, ...(await trial.inspect(card))];
    if (faults.length > 0) failed++;
    await record({ cut: index + 1, seconds, during, wasDone, ...outcome, faults });
    if (faults.length === 0) await rm(card);
  }
  say(`${all.length} power cuts, ${failed} cards that did not work after them`);
  await trial.stop();
  if (failed > 0) process.exitCode = 1;
}

if (command === 'system') {
  await mkdir(folder, { recursive: true });
  await makeSystem(system, values.base);
  await makeImage(system, image);
} else if (command === 'boot') await boot();
else if (command === 'cuts') await cuts();
else {
  say('node test/emulation/main.ts system|boot|cuts: see test/emulation/README.md');
  process.exitCode = 2;
}
