/**
 * Which events a rule of EventBridge matches, as its documentation says:
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html and the pages beside it.
 * Stricter than the service in one thing: a `$or` that would be taken for the name of a field there is refused here.
 * Where it cannot tell: an event was parsed before it comes here, so `300` and `300.0` are the same number.
 */
import ipaddr from 'ipaddr.js';
import { entriesOf, isObject, type Json, type JsonObject } from './cloudformation.ts';

/** Why a pattern is none that the service would take. */
export class PatternError extends Error {
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.name = 'PatternError';
  }
}

/** Whether one of a field's values is wanted. A field that is not there, or that holds more fields, has none. */
type Test = (values: readonly Leaf[]) => boolean;
type Leaf = string | number | boolean | null;
type Matcher = (event: Json | undefined) => boolean;

const isLeaf = (value: Json | undefined): value is Leaf =>
  value === null || !['object', 'undefined'].includes(typeof value);
/** Values of the field; arrays are taken for the values in them, whatever else is in them. */
const leavesOf = (value: Json | undefined): Leaf[] =>
  Array.isArray(value) ? value.flatMap((each: Json) => leavesOf(each)) : isLeaf(value) ? [value] : [];

/** @throws {PatternError} */
export function eventMatcher(pattern: Json): Matcher {
  return fields(pattern, 'pattern');
}

/** All of the fields have to match; of an array of objects all of them in the same one. */
function fields(pattern: Json, path: string): Matcher {
  if (!isObject(pattern) || Object.keys(pattern).length === 0)
    throw new PatternError(path, 'must be a map with fields');
  const each = Object.entries(pattern).map(([name, wanted]): ((event: JsonObject) => boolean) => {
    const at = `${path}.${name}`;
    if (name === '$or') return either(wanted, at);
    if (isObject(wanted)) {
      const below = fields(wanted, at);
      return (event) => below(event[name]);
    }
    const test = anyOf(wanted, at);
    return (event) => test(leavesOf(event[name]));
  });
  // A field that must not be there is not there, either, where what it would be in is not.
  const matches: Matcher = (event) =>
    Array.isArray(event) && event.some(isObject)
      ? event.some((element: Json) => matches(element))
      : each.every((one) => one(isObject(event) ? event : {}));
  return matches;
}

function either(alternatives: Json, path: string): (event: JsonObject) => boolean {
  if (!Array.isArray(alternatives) || alternatives.length < 2)
    throw new PatternError(path, 'must be a list of two or more alternatives');
  for (const alternative of alternatives)
    for (const [name] of entriesOf(alternative))
      if (operators.has(name)) throw new PatternError(path, `${name} is no field`);
  const each = alternatives.map((alternative: Json, i: number) => fields(alternative, `${path}.${i}`));
  return (event) => each.some((one) => one(event));
}

function anyOf(wanted: Json, path: string): Test {
  if (!Array.isArray(wanted) || wanted.length === 0)
    throw new PatternError(path, 'must be a list of values, or a map of fields');
  const each = wanted.map((value: Json, i: number): Test => {
    if (isLeaf(value)) return (values) => values.includes(value);
    const [[name, given] = ['', null], ...more] = entriesOf(value);
    const operator = operators.get(name);
    if (!operator || more.length > 0) throw new PatternError(`${path}.${i}`, 'must be a value, or one operator');
    return operator(given, `${path}.${i}.${name}`);
  });
  return (values) => each.some((one) => one(values));
}

/** Wants one of the values, a text, to pass. */
const texts =
  (passes: (value: string) => boolean): Test =>
  (values) =>
    values.some((value) => typeof value === 'string' && passes(value));

function text(given: Json, path: string): string {
  if (typeof given !== 'string' || given === '') throw new PatternError(path, 'must be a text');
  return given;
}

/** What a text passes: `given` is a text, or `{"equals-ignore-case": text}` where the operator allows that. */
function affix(
  given: Json,
  path: string,
  passes: (value: string, wanted: string) => boolean,
): (value: string) => boolean {
  if (!isObject(given)) {
    const wanted = text(given, path);
    return (value) => passes(value, wanted);
  }
  const { 'equals-ignore-case': ignoring = null, ...more } = given;
  if (Object.keys(more).length > 0) throw new PatternError(path, 'must be a text, or equals-ignore-case');
  const wanted = text(ignoring, path).toLowerCase();
  return (value) => passes(value.toLowerCase(), wanted);
}

/** What each of the operators on texts lets pass. */
const ofText = new Map<string, (given: Json, path: string) => (value: string) => boolean>(
  Object.entries({
    prefix: (given, path) => affix(given, path, (value, wanted) => value.startsWith(wanted)),
    suffix: (given, path) => affix(given, path, (value, wanted) => value.endsWith(wanted)),
    'equals-ignore-case': (given, path) => {
      const wanted = text(given, path).toLowerCase();
      return (value) => value.toLowerCase() === wanted;
    },
    wildcard: (given, path) => {
      const whole = wildcard(text(given, path), path);
      return (value) => whole.test(value);
    },
  }),
);

/** `*` is any letters, `\*` and `\\` are the letters themselves. */
function wildcard(pattern: string, path: string): RegExp {
  const parts = pattern.match(/\\.|./gs) ?? [];
  const source = parts.map((part, i) => {
    if (part === '*' && parts[i + 1] === '*') throw new PatternError(path, 'has two asterisks in a row');
    if (part === '*') return '.*';
    if (part.startsWith('\\') && !/^\\[\\*]$/.test(part)) throw new PatternError(path, 'escapes what needs no escape');
    return (part.at(-1) ?? '').replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  });
  return new RegExp(`^${source.join('')}$`, 's');
}

const operators = new Map<string, (given: Json, path: string) => Test>(
  Object.entries({
    ...Object.fromEntries(
      [...ofText].map(([name, passes]) => [name, (given: Json, path: string) => texts(passes(given, path))]),
    ),
    exists: (given, path) => {
      if (typeof given !== 'boolean') throw new PatternError(path, 'must be true or false');
      return (values) => values.length > 0 === given;
    },
    numeric,
    cidr: (given, path) => {
      const wanted = text(given, path);
      if (!ipaddr.isValidCIDR(wanted)) throw new PatternError(path, 'must be a range of addresses');
      const range = ipaddr.parseCIDR(wanted);
      return texts((value) => {
        if (!ipaddr.isValid(value)) return false;
        const address = ipaddr.parse(value);
        return address.kind() === range[0].kind() && address.match(range);
      });
    },
    'anything-but': (given, path) => {
      const refused = refusal(given, path);
      return (values) => values.some((value) => !refused(value));
    },
  }),
);

/** What `anything-but` refuses: values of one kind, or one of the operators on texts with one text or several. */
function refusal(given: Json, path: string): (value: Leaf) => boolean {
  if (!isObject(given)) {
    const values: readonly Json[] = Array.isArray(given) ? given : [given];
    const kinds = new Set(values.map((value) => typeof value));
    if (kinds.size !== 1 || !['string', 'number'].includes([...kinds][0] ?? ''))
      throw new PatternError(path, 'must be texts alone, or numbers alone');
    return (value) => values.includes(value);
  }
  const [[name, wanted] = ['', null], ...more] = Object.entries(given);
  const operator = ofText.get(name);
  if (!operator || more.length > 0) throw new PatternError(path, `there is no ${name} in it`);
  const each = (Array.isArray(wanted) ? wanted : [wanted]).map((one: Json) => operator(one, `${path}.${name}`));
  if (each.length === 0) throw new PatternError(path, 'refuses nothing');
  return (value) => typeof value === 'string' && each.some((passes) => passes(value));
}

const comparisons: Readonly<Record<string, (value: number, than: number) => boolean>> = {
  '<': (value, than) => value < than,
  '<=': (value, than) => value <= than,
  '=': (value, than) => value === than,
  '>': (value, than) => value > than,
  '>=': (value, than) => value >= than,
};

/** One comparison, or a lower and an upper bound. */
function numeric(given: Json, path: string): Test {
  const bad = new PatternError(path, 'must be comparisons with numbers from -5e9 to 5e9: one, or a range');
  if (!Array.isArray(given) || (given.length !== 2 && given.length !== 4)) throw bad;
  const pairs: [string, number][] = [];
  for (let i = 0; i < given.length; i += 2) {
    const [sign, than] = [given[i], given[i + 1]];
    if (
      typeof sign !== 'string' ||
      !Object.hasOwn(comparisons, sign) ||
      typeof than !== 'number' ||
      Math.abs(than) > 5e9
    )
      throw bad;
    pairs.push([sign, than]);
  }
  const [[, low] = ['', 0], [, high] = ['', 0]] = pairs;
  const isRange = pairs[0]?.[0].startsWith('>') && pairs[1]?.[0].startsWith('<') && low < high;
  if (pairs.length === 2 && !isRange) throw bad;
  return (values) =>
    values.some(
      (value) => typeof value === 'number' && pairs.every(([sign, than]) => comparisons[sign]?.(value, than)),
    );
}
