/** What a target of EventBridge is given: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html */
import { isObject, type Json, type JsonObject } from './cloudformation.ts';
import { at } from './cloudformation-values.ts';

export interface InputTransformer {
  readonly InputPathsMap: Readonly<Record<string, string>>;
  readonly InputTemplate: string;
}

/**
 * A variable alone becomes its value as JSON; within quotes the text of it.
 * @throws where a variable has no path, a path leads nowhere, or what comes out is no JSON object
 */
export function transformed({ InputPathsMap, InputTemplate }: InputTransformer, event: JsonObject): JsonObject {
  let isQuoted = false;
  const filled = InputTemplate.replaceAll(/\\.|"|<([\w.-]+)>/g, (found, name: string | undefined) => {
    if (found === '"') isQuoted = !isQuoted;
    if (name === undefined) return found;
    const path = InputPathsMap[name];
    if (path === undefined || !/^\$(\.[\w-]+)+$/.test(path)) throw new Error(`<${name}> has no path of ours`);
    const value = at(event, ...path.split('.').slice(1));
    if (value === undefined) throw new Error(`${path} is not in the event`);
    return isQuoted ? JSON.stringify(String(value)).slice(1, -1) : JSON.stringify(value);
  });
  const input: Json = JSON.parse(filled);
  if (!isObject(input)) throw new Error('the input is no object');
  return input;
}
