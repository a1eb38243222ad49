/** A template as CloudFormation would carry it out: every function replaced by a value, names and ARNs made up. */
import { entriesOf, isObject, type Json, type JsonObject } from './cloudformation.ts';

export const account = '111122223333';
export const region = 'eu-south-1';

export interface StackOrder {
  readonly stack?: string;
  /** Where the template has no default, or another value is wanted. */
  readonly parameters?: Readonly<Record<string, Json>>;
  /** Of resources by their logical ids, such as a bucket that is there already. */
  readonly names?: Readonly<Record<string, string>>;
}

export interface Stack {
  /** Those whose conditions hold, by their logical ids. */
  readonly resources: ReadonlyMap<string, { readonly type: string; readonly properties: JsonObject }>;
  nameOf(id: string): string;
  arnOf(id: string): string;
}

/** Types whose `Ref` is an ARN, and what the ARN calls them. */
const referredByArn: Readonly<Record<string, string>> = {
  'AWS::Batch::ComputeEnvironment': 'compute-environment/',
  'AWS::Batch::JobDefinition': 'job-definition/',
  'AWS::Batch::JobQueue': 'job-queue/',
  'AWS::SNS::Topic': '',
  'AWS::SecretsManager::Secret': 'secret:',
};
/** What stands between account and name in other ARNs. */
const kinds: Readonly<Record<string, string>> = {
  'AWS::Events::Rule': 'rule/',
  'AWS::IAM::Role': 'role/',
  'AWS::IAM::InstanceProfile': 'instance-profile/',
  'AWS::Logs::LogGroup': 'log-group:',
};
/** What stands behind the name. */
const ends: Readonly<Record<string, string>> = { 'AWS::Batch::JobDefinition': ':1', 'AWS::Logs::LogGroup': ':*' };
const withoutRegion = ['s3', 'iam'];

const left = Symbol('left out');
type Found = Json | typeof left;

/** @throws where a value is asked for that nothing gives */
export function carryOut(template: JsonObject, order: StackOrder = {}): Stack {
  const values = new Values(template, order);
  const resources = new Map(
    entriesOf(template.Resources)
      .filter(([, resource]) => isObject(resource) && values.holds(resource.Condition))
      .map(([id, resource]) => {
        const { Type = null, Properties = {} } = isObject(resource) ? resource : {};
        const properties = values.of(Properties);
        return [id, { type: String(Type), properties: isObject(properties) ? properties : {} }];
      }),
  );
  return { resources, nameOf: (id) => values.nameOf(id), arnOf: (id) => values.arnOf(id) };
}

class Values {
  readonly #template: JsonObject;
  readonly #order: StackOrder;
  readonly #pseudo: Readonly<Record<string, string>>;

  constructor(template: JsonObject, order: StackOrder) {
    this.#template = template;
    this.#order = order;
    const stack = order.stack ?? 'sala';
    this.#pseudo = {
      'AWS::AccountId': account,
      'AWS::Partition': 'aws',
      'AWS::Region': region,
      'AWS::StackId': `arn:aws:cloudformation:${region}:${account}:stack/${stack}/1`,
      'AWS::StackName': stack,
      'AWS::URLSuffix': 'amazonaws.com',
    };
  }

  of(value: Json): Json {
    const found = this.#of(value);
    if (found === left) throw new Error('AWS::NoValue where a value is needed');
    return found;
  }

  nameOf(id: string): string {
    return this.#order.names?.[id] ?? `${this.#pseudo['AWS::StackName']}-${id}`;
  }

  arnOf(id: string): string {
    const type = this.#type(id);
    const service = type.split('::')[1]?.toLowerCase() ?? '';
    const place = withoutRegion.includes(service) ? '' : region;
    const owner = service === 's3' ? '' : account;
    return `arn:aws:${service}:${place}:${owner}:${referredByArn[type] ?? kinds[type] ?? ''}${this.nameOf(id)}${ends[type] ?? ''}`;
  }

  holds(condition: Json | undefined): boolean {
    if (condition === undefined) return true;
    return this.#truth(at(this.#template, 'Conditions', String(condition)));
  }

  #truth(condition: Json | undefined): boolean {
    const [[name, given] = ['', null]] = entriesOf(condition);
    const all: readonly Json[] = Array.isArray(given) ? given : [];
    if (name === 'Condition') return this.holds(given);
    if (name === 'Fn::Not') return !this.#truth(all[0]);
    if (name === 'Fn::And') return all.every((each) => this.#truth(each));
    if (name === 'Fn::Or') return all.some((each) => this.#truth(each));
    if (name === 'Fn::Equals') {
      const [one, other] = all.map((each) => String(this.of(each)));
      return one === other;
    }
    throw new Error(`no condition: ${JSON.stringify(condition)}`);
  }

  #of(value: Json): Found {
    if (Array.isArray(value)) return value.map((each: Json) => this.#of(each)).filter((each) => each !== left);
    if (!isObject(value)) return value;
    const [[name, given] = ['', null], ...more] = Object.entries(value);
    if (more.length === 0 && (name === 'Ref' || name.startsWith('Fn::'))) return this.#call(name, given);
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, each]) => {
        const found = this.#of(each);
        return found === left ? [] : [[key, found]];
      }),
    );
  }

  #call(name: string, given: Json): Found {
    const list: readonly Json[] = Array.isArray(given) ? given : [given];
    const [first = null, second = null, third = null] = list;
    if (name === 'Ref') return given === 'AWS::NoValue' ? left : this.#ref(String(given));
    if (name === 'Fn::If') return this.#of(this.holds(first) ? second : third);
    if (name === 'Fn::GetAtt') return this.#attribute(String(first), String(second));
    if (name === 'Fn::Sub') return this.#sub(String(first), second);
    if (name === 'Fn::Base64') return this.of(given);
    if (name === 'Fn::GetAZs') return ['a', 'b', 'c'].map((letter) => region + letter);
    if (name === 'Fn::Select') {
      const from = this.of(second);
      return (Array.isArray(from) ? from[Number(first)] : undefined) ?? left;
    }
    if (name === 'Fn::Join') {
      const parts = this.of(second);
      return (Array.isArray(parts) ? parts : []).map(String).join(String(first));
    }
    throw new Error(`${name} is not known here`);
  }

  #ref(name: string): Json {
    const pseudo = this.#pseudo[name];
    if (pseudo !== undefined) return pseudo;
    const parameter = at(this.#template, 'Parameters', name);
    if (parameter === undefined) {
      const isArn = referredByArn[this.#type(name)] !== undefined;
      return isArn ? this.arnOf(name) : this.nameOf(name);
    }
    const value = this.#order.parameters?.[name] ?? at(parameter, 'Default');
    if (value === undefined) throw new Error(`the parameter ${name} is not given`);
    return at(parameter, 'Type') === 'CommaDelimitedList' && typeof value === 'string' ? value.split(',') : value;
  }

  #sub(text: string, own: Json): string {
    return text.replaceAll(/\$\{([^!}][^}]*)\}/g, (_, name: string) => {
      const given = at(own, name);
      if (given !== undefined) return String(this.of(given));
      const [id = '', ...attribute] = name.split('.');
      return String(attribute.length > 0 ? this.#attribute(id, attribute.join('.')) : this.#ref(id));
    });
  }

  #attribute(id: string, attribute: string): string {
    if (/Arn$/.test(attribute)) return this.arnOf(id);
    return attribute.endsWith('Name') ? this.nameOf(id) : `${attribute} of ${this.nameOf(id)}`;
  }

  #type(id: string): string {
    const type = at(this.#template, 'Resources', id, 'Type');
    if (type === undefined) throw new Error(`there is no ${id}`);
    return String(type);
  }
}

/** What is found at a path through maps and lists. */
export function at(value: Json | undefined, ...path: readonly (string | number)[]): Json | undefined {
  let found = value;
  for (const step of path) {
    const inside: Json | undefined = found;
    if (Array.isArray(inside)) found = inside[Number(step)];
    else found = isObject(inside) && Object.hasOwn(inside, step) ? inside[step] : undefined;
  }
  return found;
}
