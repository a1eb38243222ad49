// @ts-check
/** The kit's own page: asks the device beside it once a second, and says in words how it is. */

/** @import { KitStatus } from '../device/status.ts' */

const pollMs = 1000;
const answerTimeoutMs = 3000;
const floorDbfs = -60;

/** @param {string} id */
function element(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found;
}

/** @param {string} id @param {string} text */
function write(id, text) {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}

/** @param {number} ms */
function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @param {string} kind @param {string} message @param {string} hint */
function tell(kind, message, hint) {
  element('state').dataset.kind = kind;
  write('message', message);
  write('hint', hint);
  if (kind === 'problem') write('last', `${new Date().toLocaleTimeString()}: ${message}`);
}

/** @param {KitStatus['health']['level']} level */
function showLevel(level) {
  const { rmsDbfs, peakDbfs, clipped } = level ?? { rmsDbfs: floorDbfs, peakDbfs: floorDbfs, clipped: 0 };
  element('rms').setAttribute('value', String(Math.max(floorDbfs, rmsDbfs)));
  const loud = clipped > 0 ? ' – too loud: turn the mixer’s output down' : '';
  write('level', `${Math.round(rmsDbfs)} dBFS, peak ${Math.round(peakDbfs)}${loud}`);
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

/** @param {KitStatus} status */
function show({ room, relay, health, language, uptimeMs }) {
  document.title = `${room}: ${health.state}`;
  write('room', `Room ${room}`);
  tell(
    health.state === 'ok' ? 'ok' : health.state === 'starting' ? 'unknown' : 'problem',
    health.message,
    health.hint ?? '',
  );
  showLevel(health.level);
  const { source, uplink, buffer, clock } = health;
  if (source) {
    const format = source.rateHz ? `, ${source.rateHz} Hz, ${source.channels} channels` : '';
    write('mixer', `${source.name || '–'}: ${sourceWords[source.state] ?? source.state}${format}`);
  }
  if (uplink) {
    const rtt = uplink.rttMs === undefined ? '' : `, ${uplink.rttMs} ms`;
    write('link', `${relay}: ${linkWords[uplink.state] ?? uplink.state}${rtt}, ${uplink.reconnects} reconnections`);
  }
  if (buffer) {
    const dropped = buffer.droppedMs > 0 ? `, ${duration(buffer.droppedMs)} lost` : '';
    write('buffer', `${duration(buffer.backlogMs)} wait for the relay, ${duration(buffer.heldMs)} kept${dropped}`);
  }
  write('language', language ?? 'not told yet');
  if (clock) write('clock', clock.synced ? 'set by the network' : 'not set by the network (captions do not need it)');
  write('version', `${health.version ?? '–'}, running for ${duration(uptimeMs)}`);
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

void poll();
