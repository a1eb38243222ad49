/**
 * A mixer without hardware: a private PulseAudio with a null sink, whose monitor ALSA shows as the sound card `mixer`.
 * What is played into the sink is what the mixer hears; killing the server is pulling the plug.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface PulseOptions {
  readonly rateHz?: number;
  readonly channels?: number;
  /** Names of the ALSA cards that show the sink's monitor. */
  readonly cards?: readonly string[];
  /** Gives sound at once, as hardware does; a null sink that may rewind takes up to 2 s. Costs the players the deep buffer
   * that carries them over a standstill of the machine. */
  readonly prompt?: boolean;
}

const startTimeoutMs = 15_000;

export class PulseRig {
  readonly env: NodeJS.ProcessEnv;
  readonly #folder: string;
  #rateHz: number;
  #channels: number;
  readonly #prompt: boolean;
  #server: ChildProcess | null = null;
  #log = '';

  private constructor(
    base: NodeJS.ProcessEnv,
    { rateHz = 16000, channels = 1, cards = ['mixer'], prompt = false }: PulseOptions,
  ) {
    this.#folder = mkdtempSync(join(tmpdir(), 'sala-pulse-'));
    this.#rateHz = rateHz;
    this.#channels = channels;
    this.#prompt = prompt;
    const runtime = join(this.#folder, 'run');
    mkdirSync(join(runtime, 'pulse'), { recursive: true, mode: 0o700 });
    this.env = {
      PATH: base.PATH,
      LC_ALL: 'C',
      HOME: this.#folder,
      XDG_RUNTIME_DIR: runtime,
      PULSE_RUNTIME_PATH: join(runtime, 'pulse'),
      PULSE_SERVER: `unix:${join(runtime, 'pulse', 'native')}`,
      ALSA_CONFIG_PATH: `/usr/share/alsa/alsa.conf:${join(this.#folder, 'asound.conf')}`,
    };
    this.showCards(cards);
  }

  static async start(base: NodeJS.ProcessEnv, options: PulseOptions = {}): Promise<PulseRig> {
    const rig = new PulseRig(base, options);
    await rig.startServer();
    return rig;
  }

  /** Which ALSA cards there are from now on. @param unpaced they give more sound than time passes */
  showCards(names: readonly string[], { unpaced = false } = {}): void {
    const type = unpaced ? 'type null' : 'type pulse device "room.monitor"';
    const card = (name: string) => `pcm."${name}" { ${type} hint { show on description "${name}" } }`;
    writeFileSync(join(this.#folder, 'asound.conf'), `${names.map(card).join('\n')}\n`);
  }

  /** Plugs the mixer in, as it was or another one. */
  async startServer({ rateHz = this.#rateHz, channels = this.#channels } = {}): Promise<void> {
    this.#rateHz = rateHz;
    this.#channels = channels;
    const server = spawn(
      'pulseaudio',
      [
        '-n',
        '--daemonize=no',
        '--exit-idle-time=-1',
        '--use-pid-file=no',
        '--disable-shm=yes',
        '--log-target=stderr',
        '-vvv',
        '--load=module-native-protocol-unix auth-anonymous=1',
        `--load=module-null-sink sink_name=room rate=${this.#rateHz} channels=${this.#channels} format=s16le norewinds=${this.#prompt}`,
      ],
      { env: this.env, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#server = server;
    server.stderr.on('data', (bytes: Buffer) => {
      this.#log = (this.#log + bytes.toString('utf8')).slice(-8_000_000);
    });
    const deadline = performance.now() + startTimeoutMs;
    for (;;) {
      try {
        await this.pactl('set-sink-volume', 'room', '100%');
        return;
      } catch (error) {
        if (performance.now() > deadline || server.exitCode !== null) throw error;
        await delay(50);
      }
    }
  }

  /** Runs pactl against this server and returns what it prints. */
  async pactl(...args: string[]): Promise<string> {
    return (await run('pactl', args, { env: this.env })).stdout;
  }

  /** Starts playing a file into the sink as the application `client`; the process ends with the file. */
  play(path: string, client = 'player'): ChildProcess {
    return spawn('paplay', [`--client-name=${client}`, '--latency-msec=4000', path], {
      env: this.env,
      stdio: 'ignore',
    });
  }

  /** Plays a whole file into the sink. */
  async playToEnd(path: string, client?: string): Promise<void> {
    const player = this.play(path, client);
    const status = await new Promise((over) => player.once('exit', over));
    if (status !== 0) throw new Error(`paplay ended with status ${status}`);
  }

  /** Underruns of players and overruns of readers that the server itself saw; a stream's first fill is none. */
  get xruns(): string[] {
    return this.#log.split('\n').filter((line) => /underrun|overrun/i.test(line) && !/end of underrun/i.test(line));
  }

  get log(): string {
    return this.#log;
  }

  /** Pulls the plug. */
  async killServer(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await gone;
    rmSync(join(this.#folder, 'run', 'pulse', 'native'), { force: true });
  }

  async stop(): Promise<void> {
    await this.killServer();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
