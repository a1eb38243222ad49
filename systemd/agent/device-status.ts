import { z } from 'zod';

const status = z.object({
  health: z.object({
    state: z.string().max(64),
    message: z.string().max(1000),
    hint: z.string().max(1000).optional(),
    level: z.object({ rmsDbfs: z.number() }).optional(),
  }),
});

export interface DeviceStatus {
  readonly state: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** What is read off its page. */
export interface DeviceReading {
  readonly status: DeviceStatus;
  /** How loud it hears the room; null where it hears nothing at all. */
  readonly rmsDbfs: number | null;
}

/** What the device of this kit says of itself on its status page; null where it does not answer. */
export async function readDeviceStatus(
  url: string,
  fetch: typeof globalThis.fetch,
  timeoutMs = 2000,
): Promise<DeviceReading | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    const { level, ...health } = status.parse(await response.json()).health;
    return { status: health, rmsDbfs: level?.rmsDbfs ?? null };
  } catch {
    return null;
  }
}
