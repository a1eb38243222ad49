import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { releaseFile, signRelease } from '../../../systemd/agent/updates/manifest.ts';
import { buildBundle } from '../../release/bundle.ts';
import { makeReleaseKey, readSigningKey } from '../../release/keys.ts';
import type { Command } from '../command.ts';

const text = (value: unknown, fallback: string): string => (typeof value === 'string' ? value : fallback);

/** The signed archive that kits and the relay on AWS run. */
export const release: Command = {
  name: 'release',
  summary: 'builds the signed release for kits and for the relay on AWS',
  operands: '',
  options: {
    output: { type: 'string', value: 'DIR', help: 'where archive and manifest go [releases]' },
    key: { type: 'string', value: 'FILE', help: 'what signs it [releases/release.key]' },
    'new-key': { type: 'boolean', help: 'make that key first; its public half, FILE.pub, goes into the inventory' },
    commit: { type: 'string', value: 'NAME', help: 'what to build, not what lies about uncommitted [HEAD]' },
    sherpa: { type: 'boolean', help: 'with the offline engine sherpa-onnx, for rooms without any cloud' },
  },
  async run({ values }, { stdout, env, signal }) {
    const say = (line: string) => stdout.write(`${line}\n`);
    const output = resolve(text(values.output, 'releases'));
    const keyFile = resolve(text(values.key, 'releases/release.key'));
    if (values['new-key'] === true) say(`the new key's public half: ${makeReleaseKey(keyFile)}`);
    const { key } = readSigningKey(keyFile);
    const commit = text(values.commit, 'HEAD');
    const root = resolve(import.meta.dirname, '../../..');
    const { file, release } = await buildBundle({
      root,
      commit,
      output,
      sherpa: values.sherpa === true,
      env,
      signal,
      say,
    });
    const manifest = join(output, releaseFile(release.version, 'json'));
    writeFileSync(manifest, signRelease(release, key));
    say(`${file}\n${manifest}\nSHA-256 ${release.sha256}, ${(release.bytes / 1024 / 1024).toFixed(1)} MiB`);
    return 0;
  },
};
