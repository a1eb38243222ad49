import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the kernel tells of each connector, e.g. `card1-HDMI-A-1/status`. */
export const systemConnectors = '/sys/class/drm';

/**
 * Whether a screen is plugged in, or there is nothing that could say so. A connector that is forced on by the kernel's
 * command line is always connected, whatever the screen does. Without one a browser has nowhere to paint: it ends or
 * hangs, and is not worth starting.
 */
export async function isScreenConnected(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  const connectors = names.filter((each) => /^card\d+-(?!Writeback)/.test(each));
  const states = await Promise.all(
    connectors.map((each) => readFile(join(folder, each, 'status'), 'utf8').catch(() => 'unknown')),
  );
  return states.length === 0 || states.some((each) => each.trim() !== 'disconnected');
}
