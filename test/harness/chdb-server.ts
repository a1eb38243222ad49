/**
 * ClickHouse's engine of today (chDB) behind as much of ClickHouse's HTTP interface as its client uses: a program that tells
 * its port. It stands in for a server, which cannot be had here: statements, tables and files are ClickHouse's own.
 *
 * node chdb-server.ts MODULE FOLDER PORT PASSWORD
 */
import { createServer, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

const [module = '', folder = '', port = '0', password = ''] = process.argv.slice(2);
const { Session } = await import(module);
const session = new Session(folder);

/** Statement and rows; some of it may be in the address. */
const statementOf = async (request: IncomingMessage, url: URL) =>
  [url.searchParams.get('query'), await text(request)].filter(Boolean).join('\n');

function isKnown({ headers }: IncomingMessage, { searchParams }: URL): boolean {
  const [, basic = ''] = (headers.authorization ?? '').split('Basic ');
  const [user, own] = Buffer.from(basic, 'base64').toString().split(':');
  const given = basic ? [user, own] : [searchParams.get('user'), searchParams.get('password')];
  return given[0] === 'default' && given[1] === password;
}

createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const fail = (message: string) => {
    const code = /Code: (\d+)/.exec(message)?.[1] ?? '1002';
    response.writeHead(500, { 'x-clickhouse-exception-code': code }).end(message);
  };
  if (url.pathname === '/ping') response.end('Ok.\n');
  else if (!isKnown(request, url)) fail('Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)');
  else
    try {
      response.end(session.query(await statementOf(request, url), 'TabSeparated'));
    } catch (error) {
      fail(String(error).replace(/^.*?(?=Code: )/s, ''));
    }
}).listen(Number(port), '127.0.0.1');
