/** What the policies of a stack permit, as far as can be told without the conditions of a request. */
import { isObject, type Json } from './cloudformation.ts';
import { at, type Stack } from './cloudformation-values.ts';

export interface Statement {
  /** The resource of the stack in which it stands. */
  readonly of: string;
  readonly effect: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** Services whom a policy of a resource admits. */
  readonly services: readonly string[];
  readonly condition: Json;
}

const listOf = (value: Json | undefined): readonly Json[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];

/** Of roles, and of buckets, queues and topics; not who may take on a role. */
export function statementsOf(stack: Stack): Statement[] {
  return [...stack.resources].flatMap(([id, { properties }]) =>
    [properties, ...listOf(properties.Policies)]
      .flatMap((holder) => listOf(at(holder, 'PolicyDocument', 'Statement')))
      .filter(isObject)
      .map((statement) => ({
        of: id,
        effect: String(statement.Effect),
        actions: listOf(statement.Action).map(String),
        resources: listOf(statement.Resource).map(String),
        services: listOf(at(statement, 'Principal', 'Service')).map(String),
        condition: statement.Condition ?? null,
      })),
  );
}

/** `*` is any letters, `?` is one. */
function fits(pattern: string, value: string): boolean {
  const source = pattern
    .replaceAll(/[\\^$.+()[\]{}|/]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(value);
}

/** Whether the role with this logical id may do that. */
export function mayRole(stack: Stack, role: string, action: string, resource: string): boolean {
  return statementsOf(stack).some(
    (statement) =>
      statement.of === role &&
      statement.effect === 'Allow' &&
      statement.actions.some((pattern) => fits(pattern, action)) &&
      statement.resources.some((pattern) => fits(pattern, resource)),
  );
}

/** Whether a policy of a resource admits a service that acts for `source`. */
export function mayService(stack: Stack, service: string, action: string, resource: string, source: string): boolean {
  return statementsOf(stack).some(
    ({ effect, services, actions, resources, condition }) =>
      effect === 'Allow' &&
      services.includes(service) &&
      actions.some((pattern) => fits(pattern, action)) &&
      resources.some((pattern) => fits(pattern, resource)) &&
      listOf(at(condition, 'ArnEquals', 'aws:SourceArn')).includes(source),
  );
}
