/** CloudFormation templates as JSON: the short forms of their functions become the long ones. */
import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { z } from 'zod';

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const entriesOf = (value: Json | undefined): [string, Json][] => (isObject(value) ? Object.entries(value) : []);

const functions = [
  ...['Base64', 'Cidr', 'FindInMap', 'GetAtt', 'GetAZs', 'ImportValue', 'Join', 'Select', 'Split', 'Sub'],
  ...['And', 'Equals', 'If', 'Not', 'Or'],
];
const plainFunctions = ['Ref', 'Condition'];

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

function wrap(tag: string | undefined, value: Json): Json {
  const name = tag?.startsWith('!') && !tag.startsWith('!!') ? tag.slice(1) : null;
  if (name === null) return value;
  if (plainFunctions.includes(name)) return { [name]: value };
  if (!functions.includes(name)) throw new Error(`!${name} is no function of CloudFormation`);
  if (name === 'GetAtt' && typeof value === 'string') {
    const [resource = '', ...attribute] = value.split('.');
    return { 'Fn::GetAtt': [resource, attribute.join('.')] };
  }
  return { [`Fn::${name}`]: value };
}

function jsonOf(node: unknown): Json {
  if (isAlias(node)) throw new Error('CloudFormation takes no aliases');
  if (isScalar(node)) return wrap(node.tag, scalar.parse(node.value));
  if (isSeq<Node>(node))
    return wrap(
      node.tag,
      node.items.map((item) => jsonOf(item)),
    );
  if (isMap<Node, Node>(node))
    return wrap(node.tag, Object.fromEntries(node.items.map(({ key, value }) => [String(jsonOf(key)), jsonOf(value)])));
  return null;
}

/** @throws where it is no YAML, has a key twice, or a function that CloudFormation does not know */
export function readTemplate(text: string): JsonObject {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) throw error;
  const template = jsonOf(document.contents);
  if (!isObject(template)) throw new Error('a template is a map');
  return template;
}
