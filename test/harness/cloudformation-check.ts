/** What is wrong with a CloudFormation template, by the official schemas of its resources. */
import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec';
import type { Property, PropertyType, Resource, ResourceProperties } from '@aws-cdk/service-spec-types';
import { entriesOf, isObject, type Json, type JsonObject, readTemplate } from './cloudformation.ts';
import { checkParameters, listParameterType } from './cloudformation-parameters.ts';

const sections = 'AWSTemplateFormatVersion Description Metadata Parameters Rules Mappings Conditions Resources Outputs';
const resourceKeys =
  'Type Properties DependsOn Condition Metadata CreationPolicy UpdatePolicy DeletionPolicy UpdateReplacePolicy';
const deletionPolicies = ['Delete', 'Retain', 'RetainExceptOnCreate', 'Snapshot'];
/** What those attributes of a resource hold that no schema describes, as far as they are used here. */
const policyKeys: Readonly<Record<string, string>> = {
  CreationPolicy: 'ResourceSignal',
  ResourceSignal: 'Count Timeout',
  UpdatePolicy: 'AutoScalingRollingUpdate',
  AutoScalingRollingUpdate:
    'MaxBatchSize MinInstancesInService MinSuccessfulInstancesPercent PauseTime SuspendProcesses WaitOnResourceSignals',
};
const pseudoParameters = ['AccountId', 'NotificationARNs', 'NoValue', 'Partition', 'Region', 'StackId', 'StackName']
  .map((name) => `AWS::${name}`)
  .concat('AWS::URLSuffix');

type Shape = 'string' | 'number' | 'array' | 'map' | 'any';

const spec = loadAwsServiceSpecSync();
const schemaOf = (type: string): Resource | undefined =>
  [...spec.lookup('resource', 'cloudFormationType', 'equals', type)][0];

/** Every problem of `template`, each with its path; none: CloudFormation has no reason of its own to refuse it. */
export function problemsOf(template: JsonObject): string[] {
  return new Checker(template).run();
}

class Checker {
  readonly #problems: string[] = [];
  readonly #template: JsonObject;
  readonly #parameters: Map<string, Json>;
  readonly #resources: Map<string, Json>;
  readonly #used = new Set<string>();
  readonly #edges = new Map<string, Set<string>>();
  /** The resource that is being looked at, and the conditions that hold there. */
  #at = '';
  #holding: string[] = [];

  constructor(template: JsonObject) {
    this.#template = template;
    this.#parameters = new Map(entriesOf(template.Parameters));
    this.#resources = new Map(entriesOf(template.Resources));
  }

  run(): string[] {
    this.#known(this.#template, sections, 'template');
    this.#problems.push(...checkParameters(this.#template.Parameters));
    if (this.#resources.size === 0) this.#say('Resources', 'there is none');
    for (const [name, condition] of entriesOf(this.#template.Conditions)) this.#walk(condition, `Conditions.${name}`);
    for (const [name, resource] of this.#resources) this.#resource(name, resource);
    this.#at = '';
    for (const [name, output] of entriesOf(this.#template.Outputs)) {
      this.#known(output, 'Description Value Export Condition', `Outputs.${name}`);
      if (isObject(output)) this.#value(output.Value, { type: 'string' }, `Outputs.${name}.Value`);
    }
    for (const name of this.#parameters.keys())
      if (!this.#used.has(name)) this.#say(name, 'is a parameter without use');
    this.#circles();
    return this.#problems;
  }

  #say(path: string, problem: string): void {
    this.#problems.push(`${path}: ${problem}`);
  }

  #known(value: Json | undefined, names: string, path: string): void {
    for (const [key] of entriesOf(value))
      if (!names.split(' ').includes(key)) this.#say(`${path}.${key}`, 'is not known');
  }

  #resource(name: string, resource: Json): void {
    const path = `Resources.${name}`;
    this.#at = name;
    this.#edges.set(name, new Set());
    if (!/^[A-Za-z0-9]{1,255}$/.test(name)) this.#say(path, 'is no name of a resource');
    this.#known(resource, resourceKeys, path);
    if (!isObject(resource)) {
      this.#say(path, 'is no map');
      return;
    }
    const { Type, Properties, Condition, DependsOn = [] } = resource;
    this.#holding = typeof Condition === 'string' ? [Condition] : [];
    if (Condition !== undefined) this.#condition(Condition, `${path}.Condition`);
    for (const each of Array.isArray(DependsOn) ? DependsOn : [DependsOn]) this.#ref(each, `${path}.DependsOn`, false);
    for (const key of ['DeletionPolicy', 'UpdateReplacePolicy'])
      if (resource[key] !== undefined && !deletionPolicies.includes(String(resource[key])))
        this.#say(`${path}.${key}`, 'is not known');
    for (const key of ['CreationPolicy', 'UpdatePolicy']) this.#policy(key, resource[key], path);
    const schema = schemaOf(String(Type));
    if (schema) this.#properties(Properties ?? {}, schema.properties, `${path}.Properties`);
    else this.#say(`${path}.Type`, `${String(Type)} is no type of resource`);
  }

  #policy(key: string, value: Json | undefined, path: string): void {
    const names = policyKeys[key];
    if (value === undefined || names === undefined) return;
    this.#known(value, names, `${path}.${key}`);
    for (const [inner, held] of entriesOf(value)) this.#policy(inner, held, `${path}.${key}`);
  }

  #properties(value: Json, properties: ResourceProperties, path: string): void {
    if (!isObject(value)) {
      this.#say(path, 'is no map');
      return;
    }
    for (const [name, { required }] of Object.entries(properties))
      if (required && (value[name] === undefined || isNoValue(value[name])))
        this.#say(`${path}.${name}`, 'is required');
    for (const [name, held] of Object.entries(value)) {
      const property = properties[name];
      if (property) this.#property(held, property, `${path}.${name}`);
      else this.#say(`${path}.${name}`, 'is not known');
    }
  }

  /** Some properties have had several types; one that fits is enough. */
  #property(value: Json, { type, previousTypes = [] }: Property, path: string): void {
    this.#anyOf(value, [type, ...previousTypes], path);
  }

  #anyOf(value: Json, types: readonly PropertyType[], path: string): void {
    const before = this.#problems.length;
    const found = types.map((type) => {
      this.#value(value, type, path);
      return this.#problems.splice(before);
    });
    if (found.every(({ length }) => length > 0)) this.#problems.push(...new Set(found.flat()));
  }

  #value(value: Json | undefined, type: PropertyType, path: string): void {
    const call = callOf(value);
    if (value === undefined) this.#say(path, 'is missing');
    else if (call) this.#call(call, type, path);
    else if (type.type === 'union') this.#anyOf(value, type.types, path);
    else if (type.type === 'json') this.#walk(value, path);
    else if (type.type === 'array') this.#list(value, type.element, path);
    else if (type.type === 'map') this.#map(value, type.element, path);
    else if (type.type === 'ref')
      this.#properties(value, spec.get('typeDefinition', type.reference.$ref).properties, path);
    else if (type.type === 'tag') this.#known(value, 'Key Value', path);
    else if (!isPlain(value, type.type)) this.#say(path, `must be of type ${type.type}`);
  }

  #list(value: Json, element: PropertyType, path: string): void {
    if (!Array.isArray(value)) this.#say(path, 'must be a list');
    else for (const [i, each] of value.entries()) this.#value(each, element, `${path}.${i}`);
  }

  #map(value: Json, element: PropertyType, path: string): void {
    if (!isObject(value)) this.#say(path, 'must be a map');
    for (const [key, each] of entriesOf(value)) this.#value(each, element, `${path}.${key}`);
  }

  /** A function of CloudFormation where a value of `type` is wanted. */
  #call([name, given]: readonly [string, Json], type: PropertyType, path: string): void {
    if (name === 'Fn::If' && Array.isArray(given)) {
      const [condition = null, whenTrue = null, whenFalse = null] = given;
      this.#condition(condition, path);
      this.#holding.push(String(condition));
      if (!isNoValue(whenTrue)) this.#value(whenTrue, type, path);
      this.#holding.pop();
      if (!isNoValue(whenFalse)) this.#value(whenFalse, type, path);
      return;
    }
    const shape = this.#walk({ [name]: given }, path);
    if (!fits(shape, type)) this.#say(path, `${name} gives a ${shape}, wanted is ${type.type}`);
  }

  /** Follows every reference below `value`; what a function gives. */
  #walk(value: Json, path: string): Shape {
    const call = callOf(value);
    if (!call) {
      for (const [key, each] of Array.isArray(value)
        ? value.map((each, i) => [String(i), each] as const)
        : entriesOf(value))
        this.#walk(each, `${path}.${key}`);
      return 'any';
    }
    const [name, given] = call;
    if (name === 'Ref') return this.#ref(given, path, true);
    if (name === 'Condition') return this.#condition(given, path);
    if (name === 'Fn::GetAtt') return this.#attribute(given, path);
    if (name === 'Fn::Sub') return this.#sub(given, path);
    this.#walk(given, path);
    return ['Fn::Split', 'Fn::GetAZs', 'Fn::Cidr'].includes(name) ? 'array' : name === 'Fn::Select' ? 'any' : 'string';
  }

  #condition(name: Json, path: string): Shape {
    if (!entriesOf(this.#template.Conditions).some(([each]) => each === name))
      this.#say(path, `there is no condition ${String(name)}`);
    return 'any';
  }

  #ref(name: Json, path: string, parametersToo: boolean): Shape {
    if (typeof name !== 'string') {
      this.#say(path, 'refers to something without a name');
      return 'any';
    }
    this.#used.add(name);
    const parameter = this.#parameters.get(name);
    if (parametersToo && isObject(parameter)) {
      const type = String(parameter.Type);
      return type === 'Number' ? 'number' : listParameterType.test(type) ? 'array' : 'string';
    }
    if (parametersToo && pseudoParameters.includes(name)) return name === 'AWS::NoValue' ? 'any' : 'string';
    this.#resourceNamed(name, path);
    return 'string';
  }

  #attribute(given: Json, path: string): Shape {
    const [name, attribute] = Array.isArray(given) ? given : [];
    const resource = this.#resourceNamed(String(name), path);
    if (!resource) return 'any';
    const found = schemaOf(String(resource.Type))?.attributes[String(attribute)];
    if (!found) this.#say(path, `${String(name)} has no attribute ${String(attribute)}`);
    return found?.type.type === 'array' ? 'array' : found?.type.type === 'integer' ? 'number' : 'string';
  }

  #sub(given: Json, path: string): Shape {
    const [text, variables] = Array.isArray(given) ? given : [given, {}];
    if (typeof text !== 'string') {
      this.#say(path, 'Fn::Sub needs a text');
      return 'string';
    }
    for (const [, each] of entriesOf(variables)) this.#walk(each, path);
    const own = new Set(entriesOf(variables).map(([name]) => name));
    for (const [, name = ''] of text.matchAll(/\$\{([^!}][^}]*)\}/g)) {
      const [resource = '', ...attribute] = name.trim().split('.');
      if (own.has(name.trim())) continue;
      if (attribute.length > 0) this.#attribute([resource, attribute.join('.')], path);
      else if (this.#ref(resource, path, true) === 'array') this.#say(path, `${resource} is a list`);
    }
    return 'string';
  }

  #resourceNamed(name: string, path: string): JsonObject | null {
    const resource = this.#resources.get(name);
    if (!isObject(resource)) {
      this.#say(path, `there is no ${name}`);
      return null;
    }
    this.#edges.get(this.#at)?.add(name);
    const { Condition } = resource;
    if (typeof Condition === 'string' && !this.#holding.includes(Condition))
      this.#say(path, `${name} is there only where ${Condition} holds`);
    return resource;
  }

  #circles(): void {
    const done = new Set<string>();
    const visit = (name: string, way: readonly string[]): void => {
      if (way.includes(name)) this.#say(name, `waits for itself: ${[...way, name].join(' > ')}`);
      if (way.includes(name) || done.has(name)) return;
      for (const next of this.#edges.get(name) ?? []) visit(next, [...way, name]);
      done.add(name);
    };
    for (const name of this.#edges.keys()) visit(name, []);
  }
}

/** `{"Ref": …}` and the like: the function's name and what it is given. */
function callOf(value: Json | undefined): readonly [string, Json] | null {
  const [entry, ...more] = entriesOf(value);
  if (!entry || more.length > 0) return null;
  return entry[0] === 'Ref' || entry[0].startsWith('Fn::') ? entry : null;
}

const isNoValue = (value: Json | undefined) => isObject(value) && value.Ref === 'AWS::NoValue';

function isPlain(value: Json, type: PropertyType['type']): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'number') return typeof value === 'number';
  if (type === 'boolean') return typeof value === 'boolean';
  return typeof value === 'string';
}

function fits(shape: Shape, { type }: PropertyType): boolean {
  if (shape === 'any' || type === 'json' || type === 'union') return true;
  if (shape === 'array') return type === 'array';
  if (shape === 'number') return type === 'integer' || type === 'number' || type === 'string';
  return type === 'string' || type === 'date-time';
}

/** A copy of a template with something else in it. @throws where it is no other */
export function brokenCopy(text: string, from: string | RegExp, to: string): string {
  const broken = text.replace(from, to);
  if (broken === text) throw new Error(`${from} is not in the template`);
  return broken;
}

/** What is wrong with such a copy, one problem a line. */
export const problemsOfCopy = (text: string, from: string | RegExp, to: string) =>
  problemsOf(readTemplate(brokenCopy(text, from, to))).join('\n');
