import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { relayOptions } from '../relay/options.ts';
import { root } from './harness/programs.ts';

/** What can be seen without an engine of containers: there is none here, so nothing of this was ever built. */
const folder = join(root, 'provisioning/container');
const known = Object.keys(relayOptions.shape).map(
  (key) => `SALA_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
);

/** Instructions, each on one line, by stage. */
const stages = readFileSync(join(folder, 'Containerfile'), 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split(/^(?=FROM )/m)
  .map((stage) => stage.split('\n').filter(Boolean));
const ignored = readFileSync(join(folder, 'Containerfile.dockerignore'), 'utf8').split('\n');

describe('the container file', () => {
  const [build = [], final = []] = stages;
  const copied = (stage: readonly string[]) =>
    stage
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
      .flatMap((line) => line.split(' ').slice(1, -1));

  test('copies what is there and not ignored, all that the build takes, and leaves the compiler behind', () => {
    expect(stages).toHaveLength(2);
    for (const name of copied(build)) {
      expect(existsSync(join(root, name)), name).toBe(true);
      expect(ignored, name).toContain(`!${name.split('/')[0]}`);
    }
    const taken = /for \(const name of \[([^\]]+)\]/.exec(
      readFileSync(join(root, 'provisioning/build.ts'), 'utf8'),
    )?.[1];
    for (const name of taken?.match(/[\w.-]+/g) ?? ['?']) expect(copied(build)).toContain(name);
    expect(copied(final)).toEqual([]);
    expect(build.some((line) => line.includes('npm prune --omit=dev --omit=optional'))).toBe(true);
  });

  test('pins its base, runs as nobody special and says whether it lives', () => {
    for (const [first = ''] of stages) expect(first).toMatch(/^FROM node:24-trixie-slim( AS build)?$/);
    expect(final.findLast((line) => line.startsWith('USER '))).toBe('USER node');
    const check = final.find((line) => line.startsWith('HEALTHCHECK '));
    expect(check).toContain('/healthz');
    const command: unknown = JSON.parse(/CMD (.*)$/.exec(check ?? '')?.[1] ?? '');
    expect(z.array(z.string()).parse(command)[0]).toBe('node');
    const entry = /^ENTRYPOINT (.*)$/m.exec(final.join('\n'))?.[1] ?? '';
    expect(z.array(z.string()).parse(JSON.parse(entry)).at(-1)).toBe('relay/main.js');
  });

  test('brings what recordings are made with', () => {
    expect(final.find((line) => line.startsWith('RUN apt-get update'))).toMatch(/install .*\bflac\b/);
  });

  test('tells the relay only what it knows', () => {
    const given = final.find((line) => line.startsWith('ENV '))?.match(/SALA_\w+(?==)/g) ?? [];
    expect(given.length).toBeGreaterThan(0);
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('the compose file', () => {
  const service = z.strictObject({
    build: z.strictObject({ context: z.string(), dockerfile: z.string() }).optional(),
    image: z.string().regex(/:\d/, 'is pinned').optional(),
    restart: z.literal('always'),
    init: z.boolean().optional(),
    read_only: z.boolean().optional(),
    cap_drop: z.tuple([z.literal('ALL')]),
    cap_add: z.array(z.string()).optional(),
    security_opt: z.array(z.string()),
    stop_grace_period: z.string().optional(),
    depends_on: z.record(z.string(), z.strictObject({ condition: z.literal('service_healthy') })).optional(),
    /** null: as it is around, or not at all. */
    environment: z.record(z.string(), z.string().nullable()),
    secrets: z.array(z.string()).optional(),
    ports: z.array(z.string()).optional(),
    volumes: z.array(z.string()),
    tmpfs: z.array(z.string()).optional(),
    networks: z.array(z.string()),
  });
  const compose = z
    .strictObject({
      name: z.string(),
      services: z.record(z.string(), service),
      networks: z.record(
        z.string(),
        z.object({ ipam: z.object({ config: z.array(z.object({ subnet: z.string() })) }) }),
      ),
      volumes: z.record(z.string(), z.null()),
      secrets: z.record(z.string(), z.object({ file: z.string() })),
    })
    .parse(parse(readFileSync(join(folder, 'compose.yaml'), 'utf8')));
  const { relay, caddy } = compose.services;

  test('names only what is there', () => {
    for (const [name, { build, volumes, networks, secrets = [], depends_on = {} }] of Object.entries(
      compose.services,
    )) {
      for (const volume of volumes) {
        const [source = ''] = volume.split(':');
        const isThere = source.startsWith('.') ? existsSync(resolve(folder, source)) : source in compose.volumes;
        expect(isThere, `${name} mounts ${source}`).toBe(true);
      }
      for (const each of networks) expect(Object.keys(compose.networks)).toContain(each);
      for (const each of secrets) expect(Object.keys(compose.secrets)).toContain(each);
      for (const each of Object.keys(depends_on)) expect(Object.keys(compose.services)).toContain(each);
      if (build) expect(resolve(folder, build.context, build.dockerfile)).toBe(join(folder, 'Containerfile'));
    }
    expect(dirname(resolve(folder, compose.secrets['admin-token']?.file ?? ''))).toBe(folder);
  });

  test('shows only port 443, believes only its own proxy, and lets the relay end by itself', () => {
    expect(relay?.ports).toBeUndefined();
    expect(caddy?.ports).toEqual(['443:443']);
    expect(relay?.environment.SALA_TRUSTED_PROXY).toBe(compose.networks.inside?.ipam.config[0]?.subnet);
    expect(Number.parseInt(relay?.stop_grace_period ?? '', 10)).toBeGreaterThan(10);
    const given = Object.keys(relay?.environment ?? {}).filter((name) => name.startsWith('SALA_'));
    expect(given.filter((name) => !known.includes(name))).toEqual([]);
  });

  test('gives Caddy what its file asks for', () => {
    const asked = readFileSync(join(root, 'provisioning/aws/Caddyfile'), 'utf8').match(/(?<=\{\$)\w+/g) ?? [];
    expect(Object.keys(caddy?.environment ?? {}).toSorted()).toEqual([...new Set(asked)].toSorted());
  });
});
