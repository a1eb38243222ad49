import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, type ToolOptions } from './tools.ts';

/** What of the package a kit needs; its build scripts, and PortAudio for other machines, do not go along. */
const kept = new Set(['index.js', 'package.json', 'LICENSE', 'build']);

/**
 * Compiles naudiodon for arm64. Its own build would link the x86-64 PortAudio that it brings, so it is not asked:
 * Debian's takes its place and is found beside the addon.
 * @param addon the package, as npm unpacked it
 * @param nodeFolder with Node's headers
 * @param portaudioFolder Debian's package, unpacked
 */
export async function buildNaudiodon(
  addon: string,
  nodeFolder: string,
  portaudioFolder: string,
  options: ToolOptions,
): Promise<void> {
  const out = join(addon, 'build/Release');
  const library = 'libportaudio.so.2';
  mkdirSync(out, { recursive: true });
  copyFileSync(join(portaudioFolder, 'usr/lib/aarch64-linux-gnu', library), join(out, library));
  const sources = readdirSync(join(addon, 'src'))
    .filter((name) => name.endsWith('.cc'))
    .sort()
    .map((name) => `src/${name}`);
  // Paths within the package alone: the compiler writes none of this machine into the file.
  await runTool(
    'aarch64-linux-gnu-g++',
    [
      ...[
        '-std=c++17',
        '-O2',
        '-fPIC',
        '-shared',
        '-s',
        '-DNODE_GYP_MODULE_NAME=naudiodon',
        '-DBUILDING_NODE_EXTENSION',
      ],
      ...['-isystem', join(nodeFolder, 'include/node'), '-Iportaudio/include', `-ffile-prefix-map=${addon}=.`],
      ...sources,
      ...[
        '-o',
        'build/Release/naudiodon.node',
        `build/Release/${library}`,
        '-Wl,-rpath,$ORIGIN',
        '-Wl,-z,relro,-z,now',
      ],
    ],
    { ...options, cwd: addon },
  );
  for (const name of readdirSync(addon)) if (!kept.has(name)) rmSync(join(addon, name), { recursive: true });
}
