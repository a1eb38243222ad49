import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { maxManifestBytes, releaseVersion } from '../systemd/agent/updates/manifest.ts';
import type { Access } from './access.ts';
import { needs, Refused } from './api-access.ts';
import { body, json, plain, refused, withToken } from './api-routes.ts';
import type { LiveRooms } from './live.ts';
import { ReleaseDownloads } from './release-downloads.ts';
import type { ReleaseStore, StoredRelease } from './releases.ts';

const version = releaseVersion.describe('As the release names itself: 0.1.0-20261121212358-07084eb');
const one = { params: z.object({ version }) };
const upload = z
  .strictObject({
    manifest: z.string().max(maxManifestBytes).describe('The text of the .json file beside the archive'),
  })
  .openapi('ReleaseUpload');
const offer = z
  .strictObject({
    version: version.nullable().describe('null: none'),
    downgrade: z.boolean().default(false).describe('Kits take it even if it is older than what they run'),
  })
  .openapi('ReleaseOffer');
const releaseView = z
  .object({
    version: z.string(),
    commit: z.string(),
    created: z.string().describe('When its commit was made, RFC 3339'),
    bytes: z.number(),
    sha256: z.string(),
    received: z.number().describe('Bytes of the archive that are here'),
    complete: z.boolean(),
    offered: z.boolean(),
    downgrade: z.boolean().describe('It is offered also to kits that run a newer one'),
  })
  .openapi('Release');
const releaseList = z.object({ releases: z.array(releaseView) }).openapi('Releases');

/** `bytes=N-`, as kits ask for the rest of an archive; null: for all of it. */
function rangeOf(header: string | undefined, total: number): number | null {
  const from = Number(/^bytes=(\d{1,12})-$/.exec(header ?? '')?.[1] ?? Number.NaN);
  return Number.isInteger(from) && from < total ? from : null;
}

/** Releases for kits: uploaded and offered by organizers, fetched by kits. */
export function addReleaseCalls(app: OpenAPIHono, rooms: LiveRooms, store: ReleaseStore, access: Access): void {
  const downloads = new ReleaseDownloads();
  access.onEnded((isOver) => downloads.end(isOver));
  const admin = { ...withToken, tags: ['kits'], middleware: needs('admin', access, rooms) };
  const kit = { security: [{ bearer: [] }], tags: ['kits'], middleware: needs('kit', access, rooms) };

  const viewOf = ({ release, receivedBytes }: StoredRelease): z.infer<typeof releaseView> => ({
    ...{ version: release.version, commit: release.commit, created: release.created },
    ...{ bytes: release.bytes, sha256: release.sha256, received: receivedBytes },
    complete: receivedBytes === release.bytes,
    offered: store.offer?.version === release.version,
    downgrade: store.offer?.version === release.version && store.offer.downgrade,
  });
  const list = () => ({ releases: store.all.map(viewOf) });

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/releases',
      summary: 'The releases for kits that are here, the newest first',
      responses: { 200: json(releaseList, 'The releases'), ...refused(401, 403) },
    }),
    (context) => context.json(list(), 200),
  );

  // Before the call with a version, which would take it for one.
  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/releases/offered',
      summary: 'Offers a release to all kits, which go over to it when their rooms are idle; or none',
      request: body(offer),
      responses: { 200: json(releaseList, 'The releases'), ...refused(400, 401, 403, 404, 503) },
    }),
    async (context) => {
      const { version, downgrade } = context.req.valid('json');
      await store.offerToKits(version === null ? null : { version, downgrade });
      return context.json(list(), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/releases/{version}',
      summary: 'Begins the upload of a release by its manifest, whose signature is checked where the relay has a key',
      request: { ...one, ...body(upload) },
      responses: { 200: json(releaseView, 'Its archive may come'), ...refused(400, 401, 403, 409, 503) },
    }),
    async (context) => {
      const { version } = context.req.valid('param');
      return context.json(viewOf(await store.begin(version, context.req.valid('json').manifest)), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/releases/{version}/archive',
      summary:
        'The next piece of the archive, of at most 4 MiB; the last one is taken only if all of it is what was signed',
      request: {
        ...one,
        query: z.object({
          from: z.coerce
            .number()
            .int()
            .min(0)
            .max(2 ** 40)
            .default(0)
            .describe('Where the piece begins'),
        }),
        body: {
          content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
          required: true,
        },
      },
      responses: { 200: json(releaseView, 'It is here'), ...refused(400, 401, 403, 404, 409, 413, 503) },
    }),
    async (context) => {
      const { version } = context.req.valid('param');
      const { from } = context.req.valid('query');
      const piece = new Uint8Array(await context.req.arrayBuffer());
      return context.json(viewOf(await store.add(version, from, piece)), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/releases/{version}',
      summary: 'A release',
      request: one,
      responses: { 200: json(releaseView, 'The release'), ...refused(400, 401, 403, 404) },
    }),
    (context) => context.json(viewOf(store.get(context.req.valid('param').version)), 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'delete',
      path: '/api/releases/{version}',
      summary: 'Deletes a release that is not offered',
      request: one,
      responses: { 204: { description: 'Deleted' }, ...refused(400, 401, 403, 404, 409, 503) },
    }),
    async (context) => {
      await store.delete(context.req.valid('param').version);
      return context.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      ...kit,
      method: 'get',
      path: '/api/kit/release/{version}/manifest',
      summary: 'For kits: the signed manifest of a release',
      request: one,
      responses: { 200: plain('text/plain', 'As it was uploaded'), ...refused(400, 401, 403, 404) },
    }),
    async (context) =>
      context.text(await store.manifestOf(store.whole(context.req.valid('param').version).version), 200),
  );

  app.openapi(
    createRoute({
      ...kit,
      method: 'get',
      path: '/api/kit/release/{version}',
      summary: 'For kits: the archive of a release, or with `Range: bytes=N-` the rest of it',
      request: one,
      responses: {
        200: plain('application/gzip', 'The archive'),
        206: plain('application/gzip', 'The rest of it'),
        ...refused(400, 401, 403, 404, 503),
      },
    }),
    (context) => {
      const { version, bytes } = store.whole(context.req.valid('param').version);
      const from = rangeOf(context.req.header('range'), bytes);
      // Nobody would read it, nor close it.
      const isAsked = context.req.method !== 'HEAD';
      const file = isAsked
        ? downloads.begin(context.get('admission'), store.fileOf(version), from ?? 0, bytes - 1)
        : null;
      if (file && 'status' in file) throw new Refused(file);
      const headers = {
        'content-type': 'application/gzip',
        'content-length': String(bytes - (from ?? 0)),
        'accept-ranges': 'bytes',
        ...(from !== null && { 'content-range': `bytes ${from}-${bytes - 1}/${bytes}` }),
      };
      return new Response(file, { status: from === null ? 200 : 206, headers });
    },
  );
}
