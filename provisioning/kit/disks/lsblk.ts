import { z } from 'zod';

/** What lsblk says of one device, whichever util-linux said it. `null`: it does not know. */
export interface LsblkRow {
  readonly kname: string;
  readonly path: string;
  /** lsblk's own word: `disk`, `part`, `lvm`, `crypt`, `raid1`, `loop`, `rom`, `mpath`, … */
  readonly type: string;
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  readonly transport: string | null;
  readonly serial: string | null;
  readonly model: string | null;
  readonly vendor: string | null;
  readonly filesystem: string | null;
  readonly label: string | null;
  readonly partitionLabel: string | null;
  readonly partitionType: string | null;
  readonly uuid: string | null;
  readonly partitionUuid: string | null;
  readonly tableUuid: string | null;
  readonly mountpoints: readonly string[];
  /** Kernel names of what it stands below, as lsblk draws it: a mirror stands below both of its disks. */
  readonly parents: readonly string[];
  /** Whether this lsblk has a column that says what is on a device; without it nothing may be written. */
  readonly tellsContent: boolean;
}

// Before util-linux 2.33 every value was a string; a column that a version lacks is absent.
const text = z.preprocess((value) => (typeof value === 'string' ? value.trim() || null : null), z.string().nullable());
const yes = z.preprocess((value) => value === true || value === '1' || value === 1, z.boolean());
const count = z.preprocess((value) => (typeof value === 'string' ? Number(value) : value), z.number().nonnegative());

const rowSchema = z.looseObject({
  name: z.string().min(1),
  kname: z.string().min(1).optional(),
  path: z.string().optional(),
  type: z.string(),
  size: count.nullish(),
  ro: yes,
  tran: text,
  serial: text,
  model: text,
  vendor: text,
  label: text,
  partlabel: text,
  parttype: text,
  uuid: text,
  partuuid: text,
  ptuuid: text,
  fstype: z.string().nullish(),
  mountpoint: text,
  mountpoints: z.array(z.string().nullable()).nullish(),
  children: z.array(z.unknown()).optional(),
});

const reportSchema = z.object({ blockdevices: z.array(z.unknown()) });

const maxDevices = 4096;

/**
 * Reads what `lsblk --json --bytes --output-all` printed.
 * @throws z.ZodError where it is not that
 */
export function parseLsblk(json: unknown): readonly LsblkRow[] {
  const rows = new Map<string, LsblkRow>();
  const visit = (value: unknown, parent: string | null): void => {
    if (rows.size >= maxDevices) throw new Error(`more than ${maxDevices} block devices`);
    const row = rowSchema.parse(value);
    const kname = row.kname ?? row.name;
    const known = rows.get(kname);
    const parents = new Set([...(known?.parents ?? []), ...(parent === null ? [] : [parent])]);
    const mountpoints = [row.mountpoint, ...(row.mountpoints ?? [])].filter((point) => point !== null);
    rows.set(kname, {
      kname,
      path: row.path ?? `/dev/${kname}`,
      type: row.type,
      sizeBytes: row.size ?? 0,
      readOnly: row.ro,
      transport: row.tran,
      serial: row.serial,
      model: row.model,
      vendor: row.vendor,
      filesystem: row.fstype?.trim() || null,
      label: row.label,
      partitionLabel: row.partlabel,
      partitionType: row.parttype?.toLowerCase() ?? null,
      uuid: row.uuid,
      partitionUuid: row.partuuid,
      tableUuid: row.ptuuid,
      mountpoints: [...new Set(mountpoints)],
      parents: [...parents],
      tellsContent: row.fstype !== undefined,
    });
    for (const child of row.children ?? []) visit(child, kname);
  };
  for (const each of reportSchema.parse(json).blockdevices) visit(each, null);
  return [...rows.values()];
}
