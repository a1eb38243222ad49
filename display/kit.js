// @ts-check
/** The kit's own page: asks the device beside it once a second, and says in words how it is. */
import { StaffButtons } from './kit-buttons.js';

/** @import { KitStatus } from '../device/status.ts' */

/** @typedef {NonNullable<NonNullable<KitStatus['kit']>['machine']>} Machine */
/** What a part says: `ok`, `problem`, or nothing to judge. @typedef {'ok' | 'problem' | 'plain'} Kind */

const pollMs = 1000;
const answerTimeoutMs = 3000;
const floorDbfs = -60;

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** Nothing is read out again that has not changed. @param {Element | null} target @param {string} text */
function write(target, text) {
  if (target && target.textContent !== text) target.textContent = text;
}

/** @param {string} id @param {string} text @param {Kind} kind */
function part(id, text, kind = 'plain') {
  const row = element(id);
  if (row.dataset.kind !== kind) row.dataset.kind = kind;
  write(row.querySelector('dd'), text);
}

/** @param {number} ms */
function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {number} bytes */
const amount = (bytes) => (bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`);

/** @param {string} kind @param {string} message @param {string} hint */
function tell(kind, message, hint) {
  element('state').dataset.kind = kind;
  write(element('message'), message);
  write(element('hint'), hint);
}

/** @param {KitStatus['health']['level']} level */
function showLevel(level) {
  const { rmsDbfs, peakDbfs, clipped } = level ?? { rmsDbfs: floorDbfs, peakDbfs: floorDbfs, clipped: 0 };
  element('rms').setAttribute('value', String(Math.max(floorDbfs, rmsDbfs)));
  const loud = clipped > 0 ? ' – too loud: turn the mixer’s output down' : '';
  const isHeard = level !== undefined && peakDbfs > -100;
  write(element('level'), isHeard ? `${Math.round(rmsDbfs)} dBFS, peak ${Math.round(peakDbfs)}${loud}` : 'no sound');
}

/** @type {Record<string, string>} */
const sourceWords = { starting: 'starting', capturing: 'gives sound', fault: 'does not work', ended: 'is over' };
/** @type {Record<string, string>} */
const linkWords = {
  connecting: 'connecting',
  connected: 'connected',
  waiting: 'not reached, trying again',
  'other-source': 'another source is in charge of this room',
  refused: 'refuses this kit',
  stopped: 'stopped',
};
/** @type {Record<string, string>} */
const networkWords = {
  full: 'reaches the internet',
  portal: 'wants a login on a web page: ask the venue for a network without one',
  limited: 'does not reach the internet',
  none: 'reaches nothing',
};

/** @param {KitStatus['health']} health @param {string} relay */
function showDevice({ source, uplink, buffer }, relay) {
  if (source) {
    const format = source.rateHz ? `, ${source.rateHz} Hz, ${source.channels} channels` : '';
    const kind = source.state === 'capturing' ? 'ok' : source.state === 'fault' ? 'problem' : 'plain';
    part('mixer', `${source.name || '–'}: ${sourceWords[source.state] ?? source.state}${format}`, kind);
  }
  if (uplink) {
    const rtt = uplink.rttMs === undefined ? '' : `, ${uplink.rttMs} ms`;
    const kind =
      uplink.state === 'connected' ? 'ok' : /^(connecting|stopped)$/.test(uplink.state) ? 'plain' : 'problem';
    part(
      'link',
      `${relay}: ${linkWords[uplink.state] ?? uplink.state}${rtt}, ${uplink.reconnects} reconnections`,
      kind,
    );
  }
  if (buffer) {
    const isBad = buffer.state !== 'ok' || buffer.droppedMs > 0;
    const dropped = buffer.droppedMs > 0 ? `, ${duration(buffer.droppedMs)} lost` : '';
    const words = `${duration(buffer.backlogMs)} wait for the relay, ${duration(buffer.heldMs)} kept${dropped}`;
    part('buffer', words, isBad ? 'problem' : 'ok');
  }
}

/** @param {KitStatus['health']} health @param {Machine} machine */
function showMachine({ power: ownPower, disk, clock: ownClock }, machine) {
  const power = machine.power ?? ownPower;
  if (power) {
    const times = power.lowCount === 1 ? 'once' : `${power.lowCount} times`;
    const before = power.lowCount === 0 ? 'enough' : `enough now; too weak ${times} since the start`;
    const low = 'too weak: use the supply that belongs to the Raspberry Pi';
    part('power', power.low ? low : before, power.lowCount > 0 || power.low ? 'problem' : 'ok');
  } else part('power', 'this machine does not measure it');
  const { storage, temperatureC, network } = machine;
  const freeBytes = storage?.freeBytes ?? disk?.freeBytes;
  const free = freeBytes === undefined ? '' : `${amount(freeBytes)} free`;
  if (storage && storage.state !== 'ok')
    part('storage', [storage.message ?? storage.state, free].filter(Boolean).join('; '), 'problem');
  else part('storage', free || '–', free ? 'ok' : 'plain');
  element('heat').hidden = temperatureC === undefined;
  if (temperatureC !== undefined) {
    const isHot = temperatureC >= 80;
    part('heat', `${Math.round(temperatureC)} °C${isHot ? ': too hot, give it air' : ''}`, isHot ? 'problem' : 'ok');
  }
  showNetwork(network);
  const clock = machine.clock ?? ownClock;
  if (clock) {
    const offsetMs = 'offsetMs' in clock ? clock.offsetMs : undefined;
    const off = offsetMs !== undefined && Math.abs(offsetMs) > 2000;
    const by = off ? `; ${duration(Math.abs(offsetMs))} ${offsetMs > 0 ? 'ahead of' : 'behind'} the relay` : '';
    const set = clock.synced ? 'set by the network' : 'not set by the network (captions do not need it)';
    part('clock', `${set}${by}`, clock.synced && !off ? 'ok' : 'plain');
  }
}

/** @param {Machine['network']} network */
function showNetwork(network) {
  element('network').hidden = network === undefined;
  if (!network) return;
  const { kind, state, address, signalPercent } = network;
  const way =
    kind === 'wifi'
      ? `Wi-Fi, signal ${signalPercent ?? '–'} %`
      : kind === 'wired'
        ? 'cable'
        : 'none: plug in the cable';
  const words = [way, address, kind === 'none' ? undefined : networkWords[state]].filter(Boolean).join(', ');
  part('network', words, kind === 'none' || state === 'portal' || state === 'none' ? 'problem' : 'ok');
}

/** What needs a person: of the device, else of the kit around it. @param {KitStatus} status */
function mostOf({ health, kit }) {
  const isFine = health.state === 'ok' || health.state === 'starting';
  const kitIsBad = kit && kit.state !== 'ok' && kit.state !== 'starting';
  return isFine && kitIsBad ? { state: kit.state, message: kit.message, hint: kit.hint } : health;
}

/** @param {KitStatus} status */
function show(status) {
  const { room, relay, health, language, uptimeMs, lastProblem, kit } = status;
  const most = mostOf(status);
  document.title = `${room}: ${most.state}`;
  write(element('room'), `Room ${kit?.title || room}${kit ? `, kit ${kit.name}` : ''}`);
  tell(most.state === 'ok' ? 'ok' : most.state === 'starting' ? 'unknown' : 'problem', most.message, most.hint ?? '');
  showLevel(health.level);
  showDevice(health, relay);
  showMachine(health, kit?.machine ?? {});
  part('language', language ?? 'not told yet');
  if (lastProblem) {
    const when = lastProblem.agoMs === 0 ? 'now' : `${duration(lastProblem.agoMs)} ago`;
    part('last', `${when}: ${lastProblem.message}. ${lastProblem.hint}`);
  } else part('last', 'none since the device started');
  const update = kit?.update ? `; update ${kit.update.version}: ${kit.update.message || kit.update.state}` : '';
  part('version', `${health.version ?? '–'}, running for ${duration(uptimeMs)}${update}`);
}

async function poll() {
  try {
    const response = await fetch('/status.json', { cache: 'no-store', signal: AbortSignal.timeout(answerTimeoutMs) });
    if (!response.ok) throw new Error(String(response.status));
    /** @type {KitStatus} */
    const status = await response.json();
    show(status);
  } catch {
    tell('problem', 'The kit does not answer', 'Check its power and that this phone is on the same network.');
    showLevel(undefined);
  }
  setTimeout(poll, pollMs);
}

new StaffButtons(element).start();
void poll();
