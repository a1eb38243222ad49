import { z } from 'zod';
import type { Explained } from '../errors.ts';

const status = z.object({
  health: z.object({
    state: z.string().max(64),
    message: z.string().max(1000),
    hint: z.string().max(1000).optional(),
  }),
});

export interface DeviceStatus {
  readonly state: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What the device of this kit says of itself on its status page; null where it does not answer. */
export async function readDeviceStatus(
  url: string,
  fetch: typeof globalThis.fetch,
  timeoutMs = 2000,
): Promise<DeviceStatus | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    return status.parse(await response.json()).health;
  } catch {
    return null;
  }
}

/** What of it needs a person; null where nothing does. */
export function deviceProblem(device: DeviceStatus | null): Explained | null {
  if (!device || /^(ok|starting)$/.test(device.state)) return null;
  return { code: device.state, message: device.message, hint: device.hint ?? '' };
}
