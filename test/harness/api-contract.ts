import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { z } from 'zod';

const content = z.record(z.string(), z.object({ schema: z.unknown() }));
const parameter = z.object({ name: z.string(), in: z.string(), required: z.boolean().optional() });
const operation = z.object({
  security: z.array(z.unknown()).optional(),
  parameters: z.array(parameter).default([]),
  requestBody: z.object({ content, required: z.boolean().optional() }).optional(),
  responses: z.record(z.string(), z.object({ content: content.optional() })),
});
const description = z.object({ paths: z.record(z.string(), z.record(z.string(), operation)) });

/** A call as it is described. */
export interface Operation extends z.infer<typeof operation> {
  /** `GET /api/rooms/{room}` */
  readonly name: string;
  readonly method: string;
  readonly path: string;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const escaped = (key: string) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'));
const pointer = (...keys: string[]) => `#/${keys.map(escaped).join('/')}`;
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The same with every object closed: what is not described may not be answered either. */
function closed(value: unknown, isPart = false): unknown {
  if (Array.isArray(value)) return value.map((each) => closed(each, isPart));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, each]) => [key, closed(each, key === 'allOf')]);
  const made: Record<string, unknown> = Object.fromEntries(entries);
  const isShape = isObject(value.properties) || Array.isArray(value.allOf);
  if (!isShape || isPart || 'additionalProperties' in value) return made;
  return { ...made, unevaluatedProperties: false };
}

/** What `/openapi.json` promises, and whether an answer keeps it. */
export class Contract {
  readonly operations: readonly Operation[];
  readonly #ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true, validateSchema: false }));
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor(document: unknown) {
    const { paths } = description.parse(document);
    this.operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, each]) => {
        const verb = method.toUpperCase();
        return { ...each, name: `${verb} ${path}`, method: verb, path };
      }),
    );
    if (!isObject(document)) throw new Error('no description');
    this.#ajv.addSchema(document, 'asked');
    this.#ajv.addSchema(Object.assign({}, closed(document)), 'answered');
  }

  /** Whether the description allows that body. */
  takes({ path, method }: Operation, body: unknown): boolean {
    const at = pointer('paths', path, method.toLowerCase(), 'requestBody', 'content', 'application/json', 'schema');
    return this.#validator(`asked${at}`)(body) === true;
  }

  /** What of an answer is not as described; empty where all is. */
  breach({ path, method, responses }: Operation, { status, type, text }: Answer): string {
    const described = responses[status];
    if (!described) return `${status} is not described: ${text.slice(0, 200)}`;
    const media = type.split(';')[0] ?? '';
    if (!described.content) return text === '' ? '' : `${status} has a body that is not described`;
    if (!(media in described.content)) return `${status} comes as "${media}", which is not described`;
    if (media !== 'application/json') return '';
    const at = pointer('paths', path, method.toLowerCase(), 'responses', `${status}`, 'content', media, 'schema');
    const validate = this.#validator(`answered${at}`);
    return validate(JSON.parse(text))
      ? ''
      : `${status}: ${this.#ajv.errorsText(validate.errors)} in ${text.slice(0, 500)}`;
  }

  #validator(ref: string): ValidateFunction {
    const known = this.#compiled.get(ref) ?? this.#ajv.compile({ $ref: ref });
    this.#compiled.set(ref, known);
    return known;
  }
}
