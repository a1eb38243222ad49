/** What belongs to the pages and under which header it goes out: the same from a relay and from a kit's own kiosk. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import type { Hono, MiddlewareHandler } from 'hono';
import { etag } from 'hono/etag';
import { messageOf, SalaError } from '../systemd/errors.ts';
import { packageFiles } from './page-packages.ts';

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
/** For a page that takes or holds a secret: nobody may frame it. */
export const unframedPolicy = pagePolicy.replace('frame-ancestors *', "frame-ancestors 'none'");
/** What no page of ours needs; one of them a microphone. */
const permissions = ['camera', 'display-capture', 'geolocation', 'midi', 'payment', 'usb'].map((each) => `${each}=()`);
const deafPage = ['microphone=()', ...permissions].join(', ');
export const hearingPage = ['microphone=(self)', ...permissions].join(', ');

/** Plain names in plain folders, of the kinds a page is made of: no dot files, nothing encoded, no program text. */
const fileName =
  /^\/display(?!\/kiosk\/)((?:\/[A-Za-z0-9_-]+)*\/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.(?:html|css|js|svg|png|woff2))$/;

/** Serves one file at one path or pattern. @param policy its content-security-policy @param permitted its permissions-policy */
export const page =
  (policy: string, permitted = deafPage): MiddlewareHandler =>
  async (context, next) => {
    await next();
    if (context.res.status >= 400) return;
    context.header('content-security-policy', policy);
    context.header('permissions-policy', permitted);
    context.header('cache-control', 'no-cache');
  };

/** Paths that do not match are not found. */
export const only =
  (pattern: RegExp): MiddlewareHandler =>
  (context, next) =>
    pattern.test(context.req.path) ? next() : Promise.resolve(context.notFound());

/** What the pages load: their own files, the wire and npm packages, all from this machine's own disk. */
export function addPageFiles(app: Pick<Hono, 'get'>, { pagesDir, protocolFile }: PageFiles): void {
  const tagged = etag();
  app.get('/relay/protocol.js', page(pagePolicy), tagged, serveStatic({ path: protocolFile }));
  for (const [name, path] of packageFiles(pagesDir))
    app.get(`/display/lib/${name}`, page(pagePolicy), tagged, serveStatic({ path }));
  app.get(
    '/display/*',
    // The pages there have addresses of their own; nothing needs them in a frame by these.
    page(unframedPolicy),
    tagged,
    only(fileName),
    serveStatic({ root: pagesDir, rewriteRequestPath: (path) => fileName.exec(path)?.[1] ?? '/' }),
  );
}

/** @throws {SalaError} `pages-missing` when a file that every server of the pages serves is not there */
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
