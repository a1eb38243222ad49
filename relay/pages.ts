import { join } from 'node:path';
import { serveStatic } from '@hono/node-server/serve-static';
import type { Context, Hono } from 'hono';
import { etag } from 'hono/etag';
import {
  addPageFiles,
  hearingPage,
  only,
  type PageFiles,
  page,
  pagePolicy,
  unframedPolicy,
} from '../display/page-files.ts';
import { roomPattern } from './protocol.js';

/** The pages and what they load, all from the relay's own disk. */
export function addPages(app: Pick<Hono, 'get' | 'use'>, files: PageFiles): void {
  const { pagesDir } = files;
  const tagged = etag();
  const file = (path: string) => serveStatic({ path: join(pagesDir, path) });
  const roomPage = new RegExp(`^/rooms/${roomPattern.source.slice(1)}`);
  const microphonePage = new RegExp(`^/rooms/${roomPattern.source.slice(1, -1)}/microphone$`);
  app.get('/rooms/:room', page(pagePolicy), tagged, only(roomPage), file('caption.html'));
  // It holds a token that spends money, and a microphone: nobody may frame it.
  app.get(
    '/rooms/:room/microphone',
    page(unframedPolicy, hearingPage),
    tagged,
    only(microphonePage),
    file('microphone/microphone.html'),
  );
  // It takes a secret.
  app.get('/admin', page(unframedPolicy), tagged, file('admin/admin.html'));
  addPageFiles(app, files);
  app.get('/', page(pagePolicy), (context: Context) => context.html(index));
}

const index = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sala</title>
<p>This is a Sala relay: live captions for every room of a conference. <a href="/openapi.json">What it can be asked</a>.</p>
</html>
`;
