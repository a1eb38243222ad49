/**
 * The stand-in as a program, for tests that end processes:
 * `node test/stand-ins/transcribe-main.ts --port 0 [--max-streams 25] [--access-key-id ID --secret-access-key KEY]`.
 * Prints `{"url"}` once it listens. Each line on standard input is a JSON order (see `order`); `{"report":true}` prints
 * `{"sessions":[…]}`. SIGTERM or the end of the input ends it.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { standInCredentials, standInLimits, TranscribeStandIn } from './transcribe.ts';
import { faultSchema } from './transcribe-faults.ts';

const order = z.union([
  z.strictObject({ next: faultSchema }),
  z.strictObject({ every: faultSchema.nullable() }),
  z.strictObject({ now: faultSchema }),
  z.strictObject({ refuse: z.boolean() }),
  z.strictObject({ report: z.literal(true) }),
]);

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'max-streams': { type: 'string', default: String(standInLimits.maxStreams) },
    'access-key-id': { type: 'string', default: standInCredentials.accessKeyId },
    'secret-access-key': { type: 'string', default: standInCredentials.secretAccessKey },
  },
});
const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

const standIn = new TranscribeStandIn({
  port: Number(values.port),
  credentials: { accessKeyId: values['access-key-id'], secretAccessKey: values['secret-access-key'] },
  limits: { maxStreams: Number(values['max-streams']) },
});

async function obey(line: string): Promise<void> {
  const given = order.parse(JSON.parse(line));
  if ('next' in given) standIn.failNext(given.next);
  else if ('every' in given) standIn.failEvery(given.every);
  else if ('now' in given) {
    for (const session of standIn.sessions) if (!session.over) session.strike(given.now);
  } else if ('refuse' in given) await (given.refuse ? standIn.refuseConnections() : standIn.acceptConnections());
  else {
    const { sessions, refusals, badRequests } = standIn;
    print({ sessions: sessions.map((session) => session.report()), refusals, badRequests });
  }
}

print(await standIn.start());
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  obey(line).catch((error: unknown) => print({ error: String(error) }));
});
const stop = () => {
  lines.close();
  process.stdin.destroy();
  standIn.stop().catch((error: unknown) => print({ error: String(error) }));
};
process.once('SIGTERM', stop);
process.stdin.once('end', stop);
