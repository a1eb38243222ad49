import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { releaseFile, signRelease } from '../../../systemd/agent/updates/manifest.ts';
import { ConfigurationError, messageOf } from '../../../systemd/errors.ts';
import { buildBundle } from '../../release/bundle.ts';
import { makeReleaseKey, readSigningKey } from '../../release/keys.ts';
import { uploadRelease } from '../../release/upload.ts';
import type { Command } from '../command.ts';

const text = (value: unknown, fallback: string): string => (typeof value === 'string' ? value : fallback);

/** Where it is to be uploaded; null: nowhere. Read before anything is built. */
function uploadOf(relay: string, tokenFile: string): { relay: string; adminToken: string } | null {
  if (relay === '' && tokenFile === '') return null;
  if (!/^https?:\/\/[^/]+\/?$/.test(relay) || tokenFile === '')
    throw new ConfigurationError(
      ['--relay and --admin-token-file go together'],
      'For example --relay https://captions.example.org.',
    );
  try {
    return { relay: relay.replace(/\/$/, ''), adminToken: readFileSync(tokenFile, 'utf8').trim() };
  } catch (error) {
    throw new ConfigurationError([`--admin-token-file: ${messageOf(error)}`], 'Name the file that holds the token.');
  }
}

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
    relay: { type: 'string', value: 'URL', help: 'also upload it there: https://HOST' },
    'admin-token-file': { type: 'string', value: 'FILE', help: 'for the upload' },
    sherpa: { type: 'boolean', help: 'with the offline engine sherpa-onnx, for rooms without any cloud' },
  },
  async run({ values }, { stdout, env, signal }) {
    const say = (line: string) => stdout.write(`${line}\n`);
    const output = resolve(text(values.output, 'releases'));
    const keyFile = resolve(text(values.key, 'releases/release.key'));
    if (values['new-key'] === true) say(`the new key's public half: ${makeReleaseKey(keyFile)}`);
    const { key } = readSigningKey(keyFile);
    const upload = uploadOf(text(values.relay, ''), text(values['admin-token-file'], ''));
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
    const signed = signRelease(release, key);
    writeFileSync(manifest, signed);
    say(`${file}\n${manifest}\nSHA-256 ${release.sha256}, ${(release.bytes / 1024 / 1024).toFixed(1)} MiB`);
    if (upload) {
      const { version } = release;
      await uploadRelease({ ...upload, version, manifest: signed, file, fetch, signal, say });
    }
    return 0;
  },
};
