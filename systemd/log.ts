import { type Logger as PinoLogger, pino } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
/** JSON lines, one namespace a file. Tokens never belong in them, transcript text not at `info` or above. */
export type Logger = Pick<PinoLogger, 'error' | 'warn' | 'info' | 'debug'>;

/** The root logger of a program, on standard error; `child` namespaces come from it.
 * Standard output is left to what a program was asked to print. */
export function createLog(level: LogLevel): (namespace: string) => Logger {
  const root = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  return (namespace) => root.child({ ns: namespace });
}
