import { commands } from './kit/commands/index.ts';

process.stdout.write(`${commands.map(({ name, summary }) => `${name}  ${summary}`).join('\n')}\n`);
