/**
 * The capture child: a program of its own, one process per open, so that a crash or a hang of the sound library cannot
 * take the device along, and so that each open sees the sound cards of the moment (PortAudio's list never refreshes
 * while a stream is open). It writes packets (packets.ts) to file descriptor 3; standard output and error hold only
 * the libraries' own noise. It ends when its standard input does, and so never outlives the device.
 *
 * Usage: mixer-child list | mixer-child open NAME RATE-HZ CHANNELS (0: as the mixer has it)
 */
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { matchMixer } from './mixer-match.ts';
import { encodeAudioPacket, encodeMessagePacket, sharedMonotonicMs } from './packets.ts';

const maxChannels = 8;
const searchIntervalMs = 500;
const chunksPerSecond = 20;
/** PortAudio's callback waits, and the card overruns, only when this thread stands still for longer than 2 s. */
const maxQueuedChunks = 2 * chunksPerSecond;
/** What may wait for a device that stands still; more is dropped and counted. */
const maxWaitingSeconds = 10;

const pipe = new Socket({ fd: 3, readable: false, writable: true });
pipe.on('error', () => process.exit(0));
process.stdin.on('error', () => process.exit(0));
process.stdin.on('close', () => process.exit(0));
process.stdin.resume();

const say = (message: Record<string, unknown>) =>
  new Promise<void>((done) => pipe.write(encodeMessagePacket(message), () => done()));

async function refuse(code: string, message: string, hint: string): Promise<never> {
  await say({ type: 'failed', fault: { code, message, hint } });
  process.exit(1);
}

async function loadLibrary() {
  try {
    return (await import('naudiodon')).default;
  } catch (error) {
    const [reason = ''] = String(error instanceof Error ? error.message : error).split('\n');
    return refuse(
      'naudiodon-missing',
      `The sound library naudiodon cannot be loaded: ${reason.slice(0, 300)}`,
      'Install PortAudio and then naudiodon: apt-get install libportaudio2 portaudio19-dev, then npm install.',
    );
  }
}

async function list(): Promise<void> {
  const library = await loadLibrary();
  await say({ type: 'devices', devices: library.getDevices() });
  process.exit(0);
}

async function open(name: string, wantedRateHz: number, wantedChannels: number): Promise<void> {
  // Each step may take seconds on a slow card that was not read yet: the device hears that there is progress.
  void say({ type: 'progress' });
  const library = await loadLibrary();
  void say({ type: 'progress' });
  let found = matchMixer(library.getDevices(), name);
  void say({ type: 'progress' });
  while ('fault' in found) {
    await say({ type: 'searching', fault: found.fault });
    await delay(searchIntervalMs);
    // With no stream open each call asks ALSA anew, which costs 40 ms where a new process would cost ten times that.
    found = matchMixer(library.getDevices(), name);
  }
  const { mixer } = found;
  const rateHz = wantedRateHz || mixer.defaultSampleRate;
  const channels = wantedChannels || Math.min(mixer.maxInputChannels, maxChannels);
  const chunkFrames = Math.round(rateHz / chunksPerSecond);
  const maxWaitingBytes = maxWaitingSeconds * rateHz * channels * 2;
  try {
    const input = library.AudioIO({
      inOptions: {
        deviceId: mixer.id,
        sampleRate: rateHz,
        channelCount: channels,
        sampleFormat: library.SampleFormat16Bit,
        // Without it naudiodon hands audio on in pieces of 16 KiB, half a second of speech.
        highwaterMark: chunkFrames * channels * 2,
        framesPerBuffer: chunkFrames,
        maxQueue: maxQueuedChunks,
        // An overrun costs some samples, which the device sees by its clock; closing would cost more.
        closeOnError: false,
      },
    });
    void say({ type: 'opened', name: mixer.name, rateHz, channels });
    let dropped = 0;
    input.on('data', (audio: Buffer) => {
      if (pipe.writableLength > maxWaitingBytes) {
        dropped += audio.length;
        return;
      }
      if (dropped > 0) void say({ type: 'dropped', ms: (dropped / 2 / channels / rateHz) * 1000 });
      dropped = 0;
      pipe.write(encodeAudioPacket(audio, sharedMonotonicMs()));
    });
    input.on('error', (error: unknown) => void failed(error));
    input.on('end', () => void failed('the mixer ended'));
    input.start();
  } catch (error) {
    await failed(error);
  }

  async function failed(error: unknown) {
    const reason = error instanceof Error ? error.message : String(error);
    await refuse(
      'capture-failed',
      `"${mixer.name}" cannot be captured at ${rateHz} Hz with ${channels} channels: ${reason.slice(0, 300)}`,
      'Close what else uses the mixer, or set --source-rate and --source-channels to what it has; --list-sources shows them.',
    );
  }
}

const [command, name = '', rateHz = '0', channels = '0'] = process.argv.slice(2);
await (command === 'list' ? list() : open(name, Number(rateHz), Number(channels)));
