import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import type { Context, Hono, MiddlewareHandler } from 'hono';
import { etag } from 'hono/etag';
import { messageOf, SalaError } from '../systemd/errors.ts';
import { packageFiles } from './page-packages.ts';
import { roomPattern } from './protocol.js';

export interface PageFiles {
  /** The folder of the pages. */
  readonly pagesDir: string;
  /** The wire, which the pages import. */
  readonly protocolFile: string;
}

/** Pages load their own scripts and talk to relays, nothing else; anyone may frame a caption page. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self' ws: wss:",
  "img-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  'frame-ancestors *',
  // Text enters a page as text alone: the browser itself refuses markup and script made from strings.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');
/** The admin page takes a secret: nobody may frame it. */
const adminPolicy = pagePolicy.replace('frame-ancestors *', "frame-ancestors 'none'");
/** What no page of ours needs; one of them a microphone. */
const permissions = ['camera', 'display-capture', 'geolocation', 'midi', 'payment', 'usb'].map((each) => `${each}=()`);
const deafPage = ['microphone=()', ...permissions].join(', ');
const hearingPage = ['microphone=(self)', ...permissions].join(', ');

/** Plain names in plain folders, of the kinds a page is made of: no dot files, nothing encoded, no program text. */
const fileName =
  /^\/display((?:\/[A-Za-z0-9_-]+)*\/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.(?:html|css|js|svg|png|woff2))$/;

/** The pages and what they load, all from the relay's own disk. */
export function addPages(app: Pick<Hono, 'get' | 'use'>, { pagesDir, protocolFile }: PageFiles): void {
  const tagged = etag();
  const page =
    (policy: string, permitted = deafPage): MiddlewareHandler =>
    async (context, next) => {
      await next();
      if (context.res.status >= 400) return;
      context.header('content-security-policy', policy);
      context.header('permissions-policy', permitted);
      context.header('cache-control', 'no-cache');
    };
  const file = (path: string) => serveStatic({ path });
  const only =
    (pattern: RegExp): MiddlewareHandler =>
    (context, next) =>
      pattern.test(context.req.path) ? next() : Promise.resolve(context.notFound());

  const roomPage = new RegExp(`^/rooms/${roomPattern.source.slice(1)}`);
  const microphonePage = new RegExp(`^/rooms/${roomPattern.source.slice(1, -1)}/microphone$`);
  app.get('/rooms/:room', page(pagePolicy), tagged, only(roomPage), file(join(pagesDir, 'caption.html')));
  // It holds a token that spends money, and a microphone: nobody may frame it.
  app.get(
    '/rooms/:room/microphone',
    page(adminPolicy, hearingPage),
    tagged,
    only(microphonePage),
    file(join(pagesDir, 'microphone/microphone.html')),
  );
  app.get('/admin', page(adminPolicy), tagged, file(join(pagesDir, 'admin/admin.html')));
  app.get('/relay/protocol.js', page(pagePolicy), tagged, file(protocolFile));
  for (const [name, path] of packageFiles(pagesDir))
    app.get(`/display/lib/${name}`, page(pagePolicy), tagged, file(path));
  app.get(
    '/display/*',
    // The pages there have addresses of their own; nothing needs them in a frame by these.
    page(adminPolicy),
    tagged,
    only(fileName),
    serveStatic({ root: pagesDir, rewriteRequestPath: (path) => fileName.exec(path)?.[1] ?? '/' }),
  );
  app.get('/', page(pagePolicy), (context: Context) => context.html(index));
}

/** @throws {SalaError} `pages-missing` when a file that every relay serves is not there */
export async function checkPages({ pagesDir, protocolFile }: PageFiles): Promise<void> {
  try {
    const files = [join(pagesDir, 'caption.html'), protocolFile, ...packageFiles(pagesDir).values()];
    await Promise.all(files.map((path) => access(path)));
  } catch (cause) {
    throw new SalaError(`The pages cannot be read: ${messageOf(cause)}`, {
      code: 'pages-missing',
      hint: 'The installation is not whole; install the release again.',
      cause,
    });
  }
}

const index = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sala</title>
<p>This is a Sala relay: live captions for every room of a conference. <a href="/openapi.json">What it can be asked</a>.</p>
</html>
`;
