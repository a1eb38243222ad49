/** An upload queue in a process that may be killed: `upload-child.ts DATA-DIR ENDPOINT FILES`, the files as JSON. */
import { z } from 'zod';
import { UploadQueue } from '../../relay/archive/uploads.ts';
import { openDatabase } from '../../relay/database.ts';
import { openStore } from '../../relay/objects/open-store.ts';
import { createLog } from '../../systemd/log.ts';

const queued = z.array(
  z.object({
    key: z.string(),
    file: z.string(),
    sha256: z.string(),
    bytes: z.number(),
    contentType: z.string(),
    group: z.string(),
  }),
);
const [dataDir = '', endpoint = '', files = '[]'] = process.argv.slice(2);
const db = openDatabase(dataDir);
const print = (line: string) => process.stdout.write(`${line}\n`);
const queue = new UploadQueue({
  db,
  store: await openStore('s3://talks', { endpoint }),
  log: createLog('warn')('uploads'),
  limits: { maxSingleBytes: 150_000, partBytes: 100_000, firstRetryMs: 10 },
  onStored: (group) => void print(`stored ${group}`),
  onFailed: (group) => void print(`failed ${group}`),
});
const given = queued.parse(JSON.parse(files));
if (given.length > 0) queue.add(...given);
queue.start();
setInterval(() => {}, 1000);
