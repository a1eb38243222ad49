/** The command that updates image and stack, with commands of pretence that only write down what is asked. Costs 1.5 s. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { entriesOf, readTemplate } from './harness/cloudformation.ts';
import { root, temporaryFolder } from './harness/programs.ts';

const script = join(root, 'provisioning/aws/update-canonical.sh');
const tag = 'c0ffee';
const digest = `sha256:${'ab'.repeat(32)}`;

/** `$folder` is the test's; a file of that name there makes each refuse, or has it know the image. */
const commands: Readonly<Record<string, string>> = {
  git: `case "$*" in *status*) cat "$folder/changes" 2>/dev/null || true ;; *rev-parse*) echo ${tag} ;; esac`,
  aws: `case "$*" in
    *get-caller-identity*) [ ! -e "$folder/no-credentials" ] || exit 254; echo 111122223333 ;;
    *describe-repositories*) [ -e "$folder/repository" ] ;;
    *create-repository*) : >"$folder/repository" ;;
    *describe-images*) [ -e "$folder/image" ] || exit 254; cat "$folder/image" ;;
    *get-login-password*) [ ! -e "$folder/no-login" ] || exit 254; echo the-password ;;
    *"cloudformation deploy"*) [ ! -e "$folder/no-deploy" ] ;;
    *describe-stacks*) printf 'Bucket\\ttalks\\n' ;;
  esac`,
  docker: `case "$1" in
    build) [ ! -e "$folder/no-build" ] ;;
    login) [ "$(cat)" = the-password ] ;;
    push) [ ! -e "$folder/no-push" ] || exit 1; echo ${digest} >"$folder/image" ;;
  esac`,
};

let folder: ReturnType<typeof temporaryFolder>;
const path = (name: string) => join(folder.path, name);
const mark = (name: string, content = '') => writeFileSync(path(name), content);

beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(path('bin'));
  for (const [name, body] of Object.entries(commands)) {
    const head = `#!/bin/bash\nset -o pipefail\nfolder='${folder.path}'\necho "${name} $*" >>"$folder/calls"\n`;
    mark(`bin/${name}`, `${head}${body}\n`);
    chmodSync(path(`bin/${name}`), 0o755);
  }
});
afterEach(() => folder.remove());

function update(args: readonly string[] = [], env: NodeJS.ProcessEnv = { AWS_REGION: 'eu-south-1' }) {
  mark('calls');
  const { status, stdout, stderr } = spawnSync(script, args, {
    env: { PATH: `${path('bin')}:/usr/bin:/bin`, ...env },
    encoding: 'utf8',
  });
  return { status, said: stdout + stderr, calls: readFileSync(path('calls'), 'utf8').trim().split('\n') };
}
const deployed = (calls: readonly string[]) => calls.find((call) => call.includes('cloudformation deploy'));

describe('the command for image and stack', () => {
  test('makes the repository, builds, uploads, and creates the stack with the hash that the registry tells', () => {
    const { status, said, calls } = update();
    expect(status).toBe(0);
    const order = ['create-repository', 'docker build', 'docker login', 'docker push', 'cloudformation deploy'];
    const places = order.map((what) => calls.findIndex((call) => call.includes(what)));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    const image = `111122223333.dkr.ecr.eu-south-1.amazonaws.com/sala-canonical:${tag}`;
    expect(calls).toContain(`docker push ${image}`);
    expect(deployed(calls)).toContain(`Repository=sala-canonical ImageDigest=${digest}`);
    expect(said).toContain('Bucket\ttalks');
    expect(calls.join('\n') + said).not.toContain('the-password');
  });

  test('builds nothing twice, and still updates the stack', () => {
    update();
    const { status, calls } = update(['UseSpotInstances=No', 'AlarmEmail=a@example.org']);
    expect(status).toBe(0);
    expect(calls.filter((call) => call.startsWith('docker') || call.includes('create-repository'))).toEqual([]);
    expect(deployed(calls)).toMatch(new RegExp(`ImageDigest=${digest} UseSpotInstances=No AlarmEmail=a@example.org$`));
  });

  test('takes another name of stack and repository', () => {
    const { calls } = update([], { AWS_REGION: 'eu-south-1', STACK: 'mine', REPOSITORY: 'my-images' });
    expect(deployed(calls)).toContain('--stack-name mine');
    expect(deployed(calls)).toContain('Repository=my-images');
  });

  test.each<[what: string, file: string]>([
    ['there are no credentials', 'no-credentials'],
    ['it cannot be built', 'no-build'],
    ['the registry does not let anybody in', 'no-login'],
    ['it cannot be uploaded', 'no-push'],
  ])('leaves the stack alone where %s', (_, file) => {
    mark(file);
    const { status, calls } = update();
    expect(status).not.toBe(0);
    expect(deployed(calls)).toBeUndefined();
  });

  test.each<[what: string, prepare: () => ReturnType<typeof update>, says: string]>([
    [
      'of changes that are not committed',
      () => {
        mark('changes', ' M relay/main.ts\n');
        return update();
      },
      'not committed',
    ],
    ['without a region', () => update([], {}), 'AWS_REGION'],
    ['with what is no parameter', () => update(['--help']), 'NAME=VALUE'],
    [
      'of an image without a hash',
      () => {
        mark('repository');
        mark('image', 'None\n');
        return update();
      },
      'does not know',
    ],
  ])('refuses to go on %s, and says so', (_, prepare, says) => {
    const { status, said, calls } = prepare();
    expect(status).not.toBe(0);
    expect(said).toContain(says);
    expect(deployed(calls)).toBeUndefined();
  });

  test('fails where the stack could not be updated', () => {
    mark('no-deploy');
    expect(update().status).not.toBe(0);
  });

  test('names what is there: template, container file, parameters', () => {
    const text = readFileSync(script, 'utf8');
    for (const [, file = ''] of text.matchAll(/"\$root\/([^"]+)"/g))
      expect(existsSync(join(root, file)), file).toBe(true);
    const template = readTemplate(readFileSync(join(root, 'provisioning/aws/canonical.yaml'), 'utf8'));
    const known = entriesOf(template.Parameters).map(([name]) => name);
    for (const name of ['Repository', 'ImageDigest', 'UseSpotInstances']) {
      expect(text).toContain(`${name}=`);
      expect(known).toContain(name);
    }
    execFileSync('bash', ['-n', script]);
  });
});
