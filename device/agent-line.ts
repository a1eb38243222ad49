import { request } from 'node:http';

/** What the kit's agent does for the status page; it runs with more rights than the device. */
export interface AgentLine {
  /** Rejects where the agent does not answer or does not want to. */
  identify(): Promise<void>;
  diagnostics(): Promise<string>;
}

const maxAnswerBytes = 5_000_000;

/** @param socket where the agent listens */
export function agentLine(socket: string, timeoutMs = 60_000): AgentLine {
  const ask = (method: string, path: string) =>
    new Promise<string>((resolve, reject) => {
      const call = request({ socketPath: socket, method, path, timeout: timeoutMs }, (answer) => {
        const pieces: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (piece: Buffer) => {
          bytes += piece.length;
          if (bytes > maxAnswerBytes) call.destroy(new Error('the agent says too much'));
          else pieces.push(piece);
        });
        answer.on('error', reject);
        answer.on('end', () => {
          const { statusCode = 0 } = answer;
          if (statusCode >= 200 && statusCode < 300) resolve(Buffer.concat(pieces).toString('utf8'));
          else reject(new Error(`the agent answers with ${statusCode}`));
        });
      });
      call.on('timeout', () => call.destroy(new Error('the agent does not answer in time')));
      call.on('error', reject);
      call.end();
    });
  return {
    identify: async () => {
      await ask('POST', '/identify');
    },
    diagnostics: () => ask('GET', '/diagnostics'),
  };
}
