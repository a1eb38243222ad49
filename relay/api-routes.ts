import type { RouteConfig } from '@hono/zod-openapi';
import type { z } from 'zod';
import { errorSchema } from './api-schemas.ts';

const refusals: Readonly<Record<number, string>> = {
  400: 'The request is not well formed; every mistake is named',
  401: 'No token, or one that is not known, was revoked or has expired; or nobody is logged in',
  403: 'The token is for another room or another right, or the page is not one of ours',
  404: 'No such room, or nothing of that name in it',
  409: 'What is asked for does not go together with what is there',
  413: 'The body is too long',
  503: 'Too much is asked for at this moment; the answer says when to come back',
};

type ResponseConfig = Exclude<RouteConfig['responses'][number], { $ref: string }>;

/** A JSON answer and its words. */
export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  content: { 'application/json': { schema } },
  description,
});

/** A JSON answer that is written while it is read, and so is not checked by its type. */
export const streamedJson = (schema: z.ZodType, description: string): ResponseConfig => ({
  content: { 'application/json': { schema } },
  description,
});

/** A plain answer of a media type. */
export const plain = (type: string, description: string) => ({
  content: { [type]: { schema: { type: 'string' } as const } },
  description,
});

/** The answers every call of a right shares. */
export const refused = (...statuses: number[]) =>
  Object.fromEntries(statuses.map((status) => [status, json(errorSchema, refusals[status] ?? 'Refused')]));

export const body = <S extends z.ZodType>(schema: S) => ({
  body: { content: { 'application/json': { schema } }, required: true },
});

export const withToken: Pick<RouteConfig, 'security'> = { security: [{ bearer: [] }, { cookie: [] }] };
