import { entriesOf, isObject, type Json } from './cloudformation.ts';

const keys =
  'Type Description Default AllowedPattern AllowedValues ConstraintDescription MinLength MaxLength MinValue MaxValue NoEcho';
const types =
  /^(String|Number|CommaDelimitedList|AWS::(EC2|Route53)::[A-Za-z:]+|AWS::SSM::Parameter::(Name|Value<.+>))$/;
/** Parameters that are lists. */
export const listParameterType = /^(CommaDelimitedList|List<.+>)$/;

/** What is wrong with the parameters of a template, their defaults against their own limits included. */
export function checkParameters(parameters: Json | undefined): string[] {
  const problems: string[] = [];
  for (const [name, parameter] of entriesOf(parameters)) {
    const say = (problem: string) => problems.push(`Parameters.${name}: ${problem}`);
    if (!isObject(parameter)) {
      say('is no map');
      continue;
    }
    const { Type, Default, AllowedPattern, AllowedValues, MinValue, MaxValue } = parameter;
    for (const key of Object.keys(parameter)) if (!keys.split(' ').includes(key)) say(`${key} is not known`);
    if (!types.test(String(Type)) && !listParameterType.test(String(Type))) say(`there is no type ${String(Type)}`);
    if (typeof parameter.Description !== 'string') say('is not described');
    if (Default === undefined) continue;
    if (Type === 'Number' && typeof Default !== 'number') say('the default is no number');
    // CloudFormation matches the whole value.
    if (typeof AllowedPattern === 'string' && !new RegExp(`^(?:${AllowedPattern})$`).test(String(Default)))
      say('the default does not match the pattern');
    if (Array.isArray(AllowedValues) && !AllowedValues.includes(Default)) say('the default is not among the allowed');
    if (typeof MinValue === 'number' && Number(Default) < MinValue) say('the default is below the least');
    if (typeof MaxValue === 'number' && Number(Default) > MaxValue) say('the default is above the most');
  }
  return problems;
}
