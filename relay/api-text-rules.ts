import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Access } from './access.ts';
import { existing, needs } from './api-access.ts';
import { body, json, refused, withToken } from './api-routes.ts';
import { roomParameters } from './api-schemas.ts';
import type { LiveRooms } from './live.ts';
import { language } from './settings.ts';
import type { TextRuleBook } from './text-rule-book.ts';
import {
  applyRules,
  compileRules,
  textRuleLimits as limits,
  mistakeOf,
  noRules,
  patternSizesOf,
  type RuleScope,
  type TextRules,
} from './text-rules.ts';
import { roomRules } from './vocabulary.ts';

const maxPreviewLength = 5000;

const noControls = [/^[^\p{Cc}\u2028\u2029]*$/u, 'must be one line without control characters'] as const;
const find = z
  .string()
  .min(1)
  .max(limits.maxFindLength)
  .regex(...noControls);
const spoken = language.nullable().default(null).describe('Only captions in this language; "en" is all English');

const check = (rule: Parameters<typeof mistakeOf>[0], context: z.RefinementCtx) => {
  const mistake = mistakeOf(rule);
  if (mistake) context.addIssue({ code: 'custom', path: [mistake.field], message: mistake.message });
};

const replacement = z
  .strictObject({
    find: find.describe('Whole words whatever their case, or with `regex` a pattern in RE2 syntax'),
    replace: z
      .string()
      .max(limits.maxReplaceLength)
      .regex(...noControls)
      .describe('Empty: what is found is taken out. For a pattern, "$1" is its first group, a dollar is "$$"'),
    regex: z.boolean().default(false),
    case: z
      .enum(['found', 'typed'])
      .default('found')
      .describe('found: a replacement in small letters gets the capitals of what it replaces'),
    language: spoken,
  })
  .transform((rule) => (rule.regex ? rule : { ...rule, find: plain(rule.find) }))
  .superRefine(check);

const blockedWord = z
  .strictObject({
    word: find.transform(plain),
    method: z.enum(['mask', 'drop']).default('mask').describe('mask: shown as ***'),
    language: spoken,
  })
  .superRefine(check);

const textRules = z
  .strictObject({
    replacements: z.array(replacement).max(limits.maxReplacements).default([]),
    blocked: z.array(blockedWord).max(limits.maxBlocked).default([]),
  })
  .superRefine((rules, context) => {
    const sizes = patternSizesOf(rules);
    if (sizes > limits.maxPatternSizes)
      context.addIssue({
        code: 'custom',
        path: ['replacements'],
        message: `all patterns together cost too much (${sizes} steps, at most ${limits.maxPatternSizes})`,
      });
  })
  .openapi('TextRules');

const previewRequest = z
  .strictObject({
    text: z.string().max(maxPreviewLength),
    language: language.optional().describe("Of the text; left out: the room's"),
    room: roomParameters.shape.room.optional(),
    rules: textRules
      .optional()
      .describe("Tried in place of the room's rules, or of the event's where no room is named"),
  })
  .openapi('TextRulesPreviewRequest');

const note = z.object({
  scope: z.enum(['room', 'event']),
  rule: z.string().describe('Its place in the rules, like replacements.3'),
  find: z.string(),
});
const preview = z
  .object({
    text: z.string().describe('What would be shown; empty: no caption'),
    acted: z.array(note),
    leftOut: z.array(note).describe('They matched, but would have made the text too long, or matched too often'),
  })
  .openapi('TextRulesPreview');

/** A literal as it is kept. */
function plain(text: string): string {
  return text.normalize('NFC').trim();
}

/** Corrections of what engines say: of the whole event and of a room. */
export function addTextRuleCalls(app: OpenAPIHono, rooms: LiveRooms, book: TextRuleBook, access: Access): void {
  const admin = { ...withToken, tags: ['text rules'], middleware: needs('admin', access, rooms) };
  const room = { params: roomParameters };

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/text-rules',
      summary: 'The text rules of the whole event',
      responses: { 200: json(textRules, 'The rules'), ...refused(401, 403) },
    }),
    (context) => context.json(copyOf(book.rules), 200),
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/text-rules',
      summary: 'Replaces all text rules of the event; they hold for what is published from then on',
      request: body(textRules),
      responses: { 200: json(textRules, 'The rules'), ...refused(400, 401, 403) },
    }),
    (context) => {
      book.put(context.req.valid('json'));
      return context.json(copyOf(book.rules), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'get',
      path: '/api/rooms/{room}/text-rules',
      summary: 'The text rules of a room, without those of the event',
      request: room,
      responses: { 200: json(textRules, 'The rules'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { settings } = existing(rooms, context.req.valid('param').room).record;
      return context.json(copyOf(settings.textRules ?? noRules), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'put',
      path: '/api/rooms/{room}/text-rules',
      summary: 'Replaces all text rules of the room; they hold for what is published from then on',
      request: { ...room, ...body(textRules) },
      responses: { 200: json(textRules, 'The rules'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { name } = existing(rooms, context.req.valid('param').room).record;
      const { settings } = rooms.put(name, { textRules: context.req.valid('json') }).record;
      return context.json(copyOf(settings.textRules ?? noRules), 200);
    },
  );

  app.openapi(
    createRoute({
      ...admin,
      method: 'post',
      path: '/api/text-rules/preview',
      summary: 'What would be shown of a text, and which rules act on it; nothing is kept',
      request: body(previewRequest),
      responses: { 200: json(preview, 'What would be shown'), ...refused(400, 401, 403, 404) },
    }),
    (context) => {
      const { text, language: given, room: name, rules: tried } = context.req.valid('json');
      const settings = name === undefined ? null : existing(rooms, name).record.settings;
      const ready = (scope: RuleScope, rules: TextRules) => compileRules(scope, rules, () => {});
      const sets = settings
        ? [ready('room', tried ?? roomRules(settings)), book.compiled]
        : [tried ? ready('event', tried) : book.compiled];
      const { text: shown, acted, leftOut } = applyRules(sets, { text, words: [] }, given ?? settings?.language ?? '');
      return context.json({ text: shown, acted: [...acted], leftOut: [...leftOut] }, 200);
    },
  );
}

const copyOf = ({ replacements, blocked }: TextRules) => ({
  replacements: [...replacements],
  blocked: [...blocked],
});
