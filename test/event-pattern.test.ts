/**
 * The matcher of events, by the examples of Amazon's own documentation. Costs 0.3 s.
 * Guide: https://docs.aws.amazon.com/eventbridge/latest/userguide/, pages
 * eb-create-pattern-operators, eb-event-patterns, eb-event-patterns-arrays, eb-event-patterns-null-values,
 * eb-filtering-data-types; `ruler`: https://github.com/aws/event-ruler README, the service's own matcher.
 */
import { describe, expect, test } from 'vitest';
import type { Json } from './harness/cloudformation.ts';
import { eventMatcher, PatternError } from './harness/event-pattern.ts';

const matches = (pattern: Json, event: Json) => eventMatcher(pattern)(event);

/** An example: what it shows, the pattern, events that match, events that do not. */
type Example = readonly [what: string, pattern: Json, yes: readonly Json[], no: readonly Json[]];

const instance = 'arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f';
/** eb-event-patterns */
const terminated = {
  version: '0',
  id: '6a7e8feb-b491-4cf7-a9f1-bf3703467718',
  'detail-type': 'EC2 Instance State-change Notification',
  source: 'aws.ec2',
  account: '111122223333',
  time: '2017-12-22T18:43:48Z',
  region: 'us-west-1',
  resources: ['arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0'],
  detail: { 'instance-id': 'i-1234567890abcdef0', state: 'terminated' },
};
/** eb-event-patterns-null-values */
const launched = {
  version: '0',
  'detail-type': 'EC2 Instance Launch Successful',
  source: 'aws.autoscaling',
  region: 'us-east-1',
  resources: [],
  detail: { eventVersion: '', responseElements: null },
};
/** ruler, "Ruler by Example" */
const sample = {
  'detail-type': 'EC2 Instance State-change Notification',
  source: 'aws.ec2',
  time: '2017-10-02T16:24:49Z',
  resources: ['arn:aws:ec2:us-east-1:123456789012:instance/i-000000aaaaaa00000'],
  detail: { 'c-count': 5, 'd-count': 3, 'x-limit': 301.8, 'source-ip': '10.0.0.33', state: 'running' },
};
const detail = (value: Json) => ({ detail: value });

describe('the examples of the documentation', () => {
  test.each<Example>([
    [
      'eb-event-patterns: values, of fields in fields',
      {
        source: ['aws.ec2'],
        'detail-type': ['EC2 Instance State-change Notification'],
        detail: { state: ['terminated'] },
      },
      [terminated],
      [
        { ...terminated, source: 'aws.s3' },
        { ...terminated, detail: { state: 'running' } },
        { ...terminated, detail: { state: 'Terminated' } },
        { ...terminated, detail: 'terminated' },
        launched,
      ],
    ],
    [
      'eb-create-pattern-operators: And',
      { Location: ['New York'], Day: ['Monday'] },
      [{ Location: 'New York', Day: 'Monday' }],
      [{ Location: 'New York' }, { Location: 'New York', Day: 'Sunday' }],
    ],
    [
      'Or of values',
      { PaymentType: ['Credit', 'Debit'] },
      [{ PaymentType: 'Credit' }, { PaymentType: 'Debit' }],
      [{ PaymentType: 'Cash' }, {}],
    ],
    [
      'Or of fields',
      { $or: [{ Location: ['New York'] }, { Day: ['Monday'] }] },
      [{ Location: 'New York' }, { Day: 'Monday', Location: 'Rome' }],
      [{ Location: 'Rome', Day: 'Sunday' }, {}],
    ],
    ['Equals', { Name: ['Alice'] }, [{ Name: 'Alice' }], [{ Name: 'alice' }, { Name: 'Alice ' }]],
    [
      'Equals (ignore case)',
      { Name: [{ 'equals-ignore-case': 'alice' }] },
      [{ Name: 'Alice' }, { Name: 'ALICE' }],
      [{ Name: 'Alicia' }, { Name: 1 }],
    ],
    [
      'Equals (ignore case), its section',
      { 'detail-type': [{ 'equals-ignore-case': 'ec2 instance state-change notification' }] },
      [terminated],
      [launched],
    ],
    [
      'Begins with',
      { time: [{ prefix: '2017-10-02' }] },
      [{ time: '2017-10-02T18:43:48Z' }],
      [{ time: '2017-10-03T18:43:48Z' }, { time: 20171002 }, {}],
    ],
    [
      'Begins with (ignore case)',
      detail({ service: [{ prefix: { 'equals-ignore-case': 'EventB' } }] }),
      [detail({ service: 'EVENTBRIDGE' }), detail({ service: 'eventb' })],
      [detail({ service: 'event' })],
    ],
    [
      'Ends with',
      { FileName: [{ suffix: '.png' }] },
      [{ FileName: 'a.png' }],
      [{ FileName: 'a.PNG' }, { FileName: 'a.png.gz' }],
    ],
    [
      'Ends with (ignore case)',
      detail({ FileName: [{ suffix: { 'equals-ignore-case': '.png' } }] }),
      [detail({ FileName: 'a.PNG' })],
      [detail({ FileName: 'a.jpg' })],
    ],
    [
      'Anything-but a text',
      detail({ state: [{ 'anything-but': 'initializing' }] }),
      [detail({ state: 'running' }), detail({ state: 5 })],
      [detail({ state: 'initializing' }), detail({})],
    ],
    [
      'Anything-but a number',
      detail({ 'x-limit': [{ 'anything-but': 123 }] }),
      [detail({ 'x-limit': 124 }), detail({ 'x-limit': '123' })],
      [detail({ 'x-limit': 123 })],
    ],
    [
      'Anything-but several texts',
      detail({ state: [{ 'anything-but': ['stopped', 'overloaded'] }] }),
      [detail({ state: 'running' })],
      [detail({ state: 'stopped' }), detail({ state: 'overloaded' })],
    ],
    [
      'Anything-but several numbers',
      detail({ 'x-limit': [{ 'anything-but': [100, 200, 300] }] }),
      [detail({ 'x-limit': 101 })],
      [detail({ 'x-limit': 100 }), detail({ 'x-limit': 300 })],
    ],
    [
      'Anything-but (begins with)',
      { Region: [{ 'anything-but': { prefix: 'us-' } }] },
      [{ Region: 'eu-south-1' }],
      [{ Region: 'us-east-1' }, {}],
    ],
    [
      'Anything-but (begins with), several',
      detail({ state: [{ 'anything-but': { prefix: ['init', 'error'] } }] }),
      [detail({ state: 'running' })],
      [detail({ state: 'initializing' }), detail({ state: 'errored' })],
    ],
    [
      'Anything-but (ends with)',
      { FileName: [{ 'anything-but': { suffix: '.png' } }] },
      [{ FileName: 'a.txt' }],
      [{ FileName: 'a.png' }],
    ],
    [
      'Anything-but (ignore case)',
      { state: [{ 'anything-but': { 'equals-ignore-case': 'initializing' } }] },
      [{ state: 'running' }],
      [{ state: 'INITIALIZING' }, { state: 'initializing' }],
    ],
    [
      'Anything-but (ignore case), several',
      detail({ state: [{ 'anything-but': { 'equals-ignore-case': ['initializing', 'stopped'] } }] }),
      [detail({ state: 'running' })],
      [detail({ state: 'STOPPED' })],
    ],
    [
      'Anything-but using a wildcard',
      { FilePath: [{ 'anything-but': { wildcard: '*/lib/*' } }] },
      [{ FilePath: '/usr/bin/node' }],
      [{ FilePath: '/usr/lib/node' }],
    ],
    [
      'Anything-but using several wildcards (ruler)',
      detail({ state: [{ 'anything-but': { wildcard: ['*/bin/*.jar', '*/bin/*.class'] } }] }),
      [detail({ state: 'a/bin/b.txt' })],
      [detail({ state: 'a/bin/b.jar' }), detail({ state: 'a/bin/b.class' })],
    ],
    ['Not', { Weather: [{ 'anything-but': ['Raining'] }] }, [{ Weather: 'Sunny' }], [{ Weather: 'Raining' }]],
    [
      'Numeric (equals)',
      { Price: [{ numeric: ['=', 100] }] },
      [{ Price: 100 }, { Price: 1e2 }],
      [{ Price: 101 }, { Price: '100' }, {}],
    ],
    [
      'Numeric (range)',
      { Price: [{ numeric: ['>', 10, '<=', 20] }] },
      [{ Price: 11 }, { Price: 20 }],
      [{ Price: 10 }, { Price: 20.1 }],
    ],
    [
      'Numeric, its section',
      detail({
        'c-count': [{ numeric: ['>', 0, '<=', 5] }],
        'd-count': [{ numeric: ['<', 10] }],
        'x-limit': [{ numeric: ['=', 3.018e2] }],
      }),
      [sample],
      [
        detail({ ...sample.detail, 'c-count': 0 }),
        detail({ ...sample.detail, 'd-count': 10 }),
        detail({ ...sample.detail, 'x-limit': 301 }),
      ],
    ],
    [
      'IP address',
      detail({ sourceIPAddress: [{ cidr: '10.0.0.0/24' }] }),
      [detail({ sourceIPAddress: '10.0.0.24' }), detail({ sourceIPAddress: '10.0.0.255' })],
      [detail({ sourceIPAddress: '10.0.1.0' }), detail({ sourceIPAddress: '::1' }), detail({ sourceIPAddress: 'x' })],
    ],
    [
      'Exists',
      detail({ state: [{ exists: true }] }),
      [terminated, detail({ state: null }), detail({ state: '' })],
      [detail({}), {}, launched],
    ],
    [
      'Does not exist, and does not where it is no leaf',
      detail({ 'c-count': [{ exists: false }] }),
      [terminated, detail({ state: ['initializing', 'running'], 'c-count': { c1: 100 } }), {}],
      [sample, detail({ 'c-count': null })],
    ],
    [
      'Wildcard: any file .png within the folder dir',
      { FileName: [{ wildcard: 'dir/*.png' }] },
      [{ FileName: 'dir/a.png' }, { FileName: 'dir/deep/a.png' }, { FileName: 'dir/.png' }],
      [{ FileName: 'dir/a.jpg' }, { FileName: 'other/dir/a.png' }, { FileName: 'dir/apng' }],
    ],
    [
      'Wildcard (ruler)',
      { source: [{ wildcard: 'Simple*Service' }] },
      [{ source: 'SimpleStorageService' }, { source: 'SimpleService' }],
      [{ source: 'SimpleStorageServices' }, { source: ['x'] }],
    ],
    [
      'Complex: several of them',
      {
        time: [{ prefix: '2017-10-02' }],
        detail: {
          state: [{ 'anything-but': 'initializing' }],
          'c-count': [{ numeric: ['>', 0, '<=', 5] }],
          'd-count': [{ numeric: ['<', 10] }],
          'x-limit': [{ 'anything-but': [100, 200, 300] }],
        },
      },
      [sample],
      [
        { ...sample, time: '2017-10-03' },
        { ...sample, detail: { ...sample.detail, state: 'initializing' } },
        { ...sample, detail: { ...sample.detail, 'x-limit': 200 } },
      ],
    ],
    [
      'Complex: $or of operators',
      detail({
        $or: [
          { 'c-count': [{ numeric: ['>', 0, '<=', 5] }] },
          { 'd-count': [{ numeric: ['<', 10] }] },
          { 'x-limit': [{ numeric: ['=', 3.018e2] }] },
        ],
      }),
      [sample, detail({ 'd-count': 9 }), detail({ 'x-limit': 301.8 })],
      [detail({ 'c-count': 6, 'd-count': 10, 'x-limit': 300 })],
    ],
    [
      'ruler: "Or" has an "And" inside',
      {
        source: ['aws.cloudwatch'],
        $or: [
          { metricName: ['CPUUtilization', 'ReadLatency'] },
          {
            metricType: ['MetricType'],
            namespace: ['AWS/EC2', 'AWS/ES'],
            $or: [{ metricId: [1234] }, { spaceId: [1000] }],
          },
          { scope: ['Service'] },
        ],
      },
      [
        { source: 'aws.cloudwatch', metricName: 'ReadLatency' },
        { source: 'aws.cloudwatch', metricType: 'MetricType', namespace: 'AWS/ES', spaceId: 1000 },
        { source: 'aws.cloudwatch', scope: 'Service' },
      ],
      [
        { source: 'aws.ec2', metricName: 'ReadLatency' },
        { source: 'aws.cloudwatch', metricType: 'MetricType', namespace: 'AWS/ES' },
        { source: 'aws.cloudwatch', namespace: 'AWS/ES', metricId: 1234 },
      ],
    ],
    [
      'eb-event-patterns-arrays: one of the values in one of the places',
      {
        resources: [
          instance,
          'arn:aws:ec2:us-east-1:111122223333:instance/i-b188560f',
          'arn:aws:ec2:us-east-1:444455556666:instance/i-b188560f',
        ],
      },
      [
        {
          resources: [
            'arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:eb56d16b:autoScalingGroupName/ASGTerminate',
            instance,
          ],
        },
      ],
      [{ resources: [] }, { resources: [`${instance}0`] }],
    ],
    [
      'ruler, arrays of objects: a field of one of them',
      { employees: { firstName: ['Anna'] } },
      [{ employees: [{ firstName: 'John' }, { firstName: 'Anna', lastName: 'Smith' }] }],
      [{ employees: [{ firstName: 'John' }] }],
    ],
    [
      'ruler, arrays of objects: both fields in the same one',
      { employees: { firstName: ['Anna'], lastName: ['Jones'] } },
      [{ employees: [{ firstName: 'Anna', lastName: 'Jones' }] }],
      [
        {
          employees: [
            { firstName: 'Anna', lastName: 'Smith' },
            { firstName: 'Peter', lastName: 'Jones' },
          ],
        },
      ],
    ],
    [
      'eb-event-patterns-null-values: an empty text',
      detail({ eventVersion: [''] }),
      [launched],
      [detail({ eventVersion: null }), detail({})],
    ],
    [
      'eb-event-patterns-null-values: null',
      detail({ responseElements: [null] }),
      [launched],
      [detail({ responseElements: '' }), detail({})],
    ],
  ])('%s', (_, pattern, yes, no) => {
    for (const event of yes) expect(matches(pattern, event), JSON.stringify(event)).toBe(true);
    for (const event of no) expect(matches(pattern, event), JSON.stringify(event)).toBe(false);
  });

  test('an asterisk that is meant is escaped, and so is the sign that does it (ruler)', () => {
    const pattern = { key: [{ wildcard: 'a\\*b\\\\*' }] };
    expect(matches(pattern, { key: 'a*b\\c' })).toBe(true);
    expect(matches(pattern, { key: 'axb\\c' })).toBe(false);
    expect(matches(pattern, { key: 'a*bc' })).toBe(false);
  });

  test('signs that mean something elsewhere mean themselves', () => {
    for (const sign of '.+?^$()[]{}|/-')
      expect([
        matches({ key: [{ wildcard: `a${sign}*` }] }, { key: `a${sign}` }),
        matches({ key: [{ wildcard: `a${sign}*` }] }, { key: 'ab' }),
      ]).toEqual([true, false]);
    expect(matches({ key: [{ wildcard: 'a*b' }] }, { key: 'a\nb' })).toBe(true);
  });
});

describe('a pattern that the service refuses is refused, where it is wrong:', () => {
  test.each<[string, Json, string]>([
    ['no list', { source: 'aws.s3' }, 'pattern.source'],
    ['an empty list', { source: [] }, 'pattern.source'],
    ['no field', {}, 'pattern'],
    ['no field below', { detail: {} }, 'pattern.detail'],
    ['a list in a list', { source: [['aws.s3']] }, 'pattern.source.0'],
    ['an operator that is none', { source: [{ contains: 's3' }] }, 'pattern.source.0'],
    ['an operator of JavaScript', { source: [{ constructor: 's3' }] }, 'pattern.source.0'],
    ['two operators in one', { source: [{ prefix: 'aws', suffix: 's3' }] }, 'pattern.source.0'],
    ['two asterisks in a row', { key: [{ wildcard: 'a/**/b' }] }, 'pattern.key.0.wildcard'],
    ['an escape of nothing', { key: [{ wildcard: 'a\\b' }] }, 'pattern.key.0.wildcard'],
    ['a number for a text', { key: [{ prefix: 1 }] }, 'pattern.key.0.prefix'],
    ['a text for a number', { size: [{ numeric: ['>', '0'] }] }, 'pattern.size.0.numeric'],
    ['an unknown comparison', { size: [{ numeric: ['!=', 0] }] }, 'pattern.size.0.numeric'],
    ['half a comparison', { size: [{ numeric: ['>'] }] }, 'pattern.size.0.numeric'],
    ['two lower bounds', { size: [{ numeric: ['>', 0, '>', 1] }] }, 'pattern.size.0.numeric'],
    ['a range with nothing in it', { size: [{ numeric: ['>', 5, '<', 1] }] }, 'pattern.size.0.numeric'],
    ['a number that is too large', { size: [{ numeric: ['>', 5.1e9] }] }, 'pattern.size.0.numeric'],
    ['an existence of a text', { key: [{ exists: 'yes' }] }, 'pattern.key.0.exists'],
    ['a mixed list of what it is not', { key: [{ 'anything-but': ['a', 1] }] }, 'pattern.key.0.anything-but'],
    ['a number that does not begin so', { key: [{ 'anything-but': { numeric: ['>', 1] } }] }, 'anything-but'],
    ['no range of addresses', { ip: [{ cidr: '10.0.0.0' }] }, 'pattern.ip.0.cidr'],
    ['one alternative', { $or: [{ a: [1] }] }, 'pattern.$or'],
    ['alternatives that are operators', { $or: [{ numeric: [123] }, { prefix: ['abc'] }] }, 'pattern.$or'],
  ])('%s', (_, pattern, where) => {
    expect(() => eventMatcher(pattern)).toThrow(PatternError);
    expect(() => eventMatcher(pattern)).toThrow(where);
  });
});
