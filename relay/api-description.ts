import type { OpenAPIHono } from '@hono/zod-openapi';

type Description = ReturnType<OpenAPIHono['getOpenAPI31Document']>;

const refusal = (description: string) => ({
  description,
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
});
/** What any call may be answered, one that changes something, and one with a body. */
const always = {
  429: refusal('The address asks too often; Retry-After says when to come back'),
  500: refusal('A fault of the relay, which logged it'),
};
const withBody = {
  413: refusal('The body is too long'),
  415: refusal('The body is not of the type that is taken'),
};
const acting = { 503: refusal('The disk takes nothing at this moment') };

/** `/openapi.json`: every call of `app`, with what each may be refused with besides its own refusals. Made once, when it is asked for. */
export function addDescription(app: OpenAPIHono, info: { title: string; version: string; description: string }): void {
  let made: Description | undefined;
  app.get('/openapi.json', (context) => {
    made ??= complete(app.getOpenAPI31Document({ openapi: '3.1.0', info }));
    return context.json(made);
  });
}

function complete(description: Description): Description {
  for (const path of Object.values(description.paths ?? {}))
    for (const method of ['get', 'put', 'post', 'delete', 'patch'] as const) {
      const operation = path[method];
      if (!operation) continue;
      operation.responses = {
        ...always,
        ...(method === 'get' ? {} : acting),
        ...(operation.requestBody ? withBody : {}),
        ...operation.responses,
      };
    }
  return JSON.parse(JSON.stringify(description), plainPattern);
}

/** JSON Schema's patterns are Unicode's by themselves and know no flags; a RegExp with one is written down with it. */
const plainPattern = (key: string, value: unknown) =>
  key === 'pattern' && typeof value === 'string' ? value.replace(/\/u$/, '') : value;
