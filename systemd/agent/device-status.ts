import { z } from 'zod';

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
