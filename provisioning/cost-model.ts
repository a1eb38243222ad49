/** What a conference costs a day on AWS, live and after the talk. A model: the bill is Amazon's. */
import { z } from 'zod';

/**
 * US dollars, us-east-1, from Amazon's pages of prices. Live captions and GPU machines were looked up in what others
 * publish of them; the rest is as remembered. Spot prices change from hour to hour.
 */
export const prices = {
  /** A minute of streaming, first tier: aws.amazon.com/transcribe/pricing. */
  live: 0.024,
  /** An hour of g6.xlarge, on demand and on Spot: aws.amazon.com/blogs/machine-learning, Parakeet-TDT on AWS Batch. */
  gpu: 0.805,
  gpuSpot: 0.374,
  /** An hour of t4g.small: aws.amazon.com/ec2/pricing. */
  relay: 0.0168,
  /** An hour of a public IPv4 address: aws.amazon.com/vpc/pricing. */
  address: 0.005,
  /** A GiB and month, gp3: aws.amazon.com/ebs/pricing. */
  disk: 0.08,
  /** A GB and month: aws.amazon.com/s3/pricing. */
  stored: 0.023,
  /** A GB and month of images: aws.amazon.com/ecr/pricing. */
  image: 0.1,
} as const;
export const pricesAsOf = 'November 2026';

const hoursOfMonth = 730;
/** Of a recording: 16 kHz, 16 bit, one channel, of which FLAC leaves some 55 % where people speak. */
const gbPerHour = (16_000 * 2 * 3600 * 0.55) / 1e9;
const relayDiskGiB = 38;
const gpuDiskGiB = 80;
const imageGb = 15;

const amount = (most: number) => z.coerce.number().min(0).max(most);
const price = (fallback: number, description: string) =>
  amount(1000).default(fallback).meta({ description, placeholder: 'USD' });

/** Everything that can be other than the default. */
export const costSettings = z.object({
  rooms: amount(500).default(5).meta({ description: 'that are captioned', placeholder: 'COUNT' }),
  hours: amount(24).default(8).meta({ description: 'a day in which a room is spoken in', placeholder: 'HOURS' }),
  talkMinutes: amount(600).default(30).meta({ description: 'that a talk takes', placeholder: 'MINUTES' }),
  breakMinutes: amount(600).default(10).meta({ description: 'between two talks', placeholder: 'MINUTES' }),
  recorded: amount(100).default(100).meta({ description: 'of the talks, in per cent', placeholder: 'PERCENT' }),
  keptDays: amount(3650).default(90).meta({ description: 'that recordings are kept', placeholder: 'DAYS' }),
  starts: amount(1000)
    .optional()
    .meta({ description: 'of GPU machines a day [one each time that talks end]', placeholder: 'COUNT' }),
  startMinutes: amount(60)
    .default(8)
    .meta({ description: 'until a machine has booted and has its image (a figure of others)', placeholder: 'MINUTES' }),
  idleMinutes: amount(60)
    .default(5)
    .meta({ description: 'until a machine without work has gone (assumed)', placeholder: 'MINUTES' }),
  gpuSeconds: amount(60)
    .default(0.49)
    .meta({ description: 'for each minute of a talk (measured by others, Parakeet on an L4)', placeholder: 'SECONDS' }),
  spot: z
    .enum(['yes', 'no'])
    .default('yes')
    .meta({ description: 'machines that may be taken away', placeholder: 'yes|no' }),
  priceLive: price(prices.live, 'a minute of live captions'),
  priceGpu: amount(1000)
    .optional()
    .meta({
      description: `an hour of a GPU machine [${prices.gpuSpot} on Spot, ${prices.gpu} without]`,
      placeholder: 'USD',
    }),
  priceStored: price(prices.stored, 'a GB and month of recordings'),
});
export type CostSettings = z.output<typeof costSettings>;

export interface CostRow {
  readonly what: string;
  readonly howMuch: string;
  /** US dollars a day. */
  readonly money: number;
  readonly part: 'live' | 'after the talk';
}

/** What each thing comes to; nothing that is recorded, nothing after the talk. */
export function costsOfDay(order: CostSettings): CostRow[] {
  const spokenHours = order.rooms * order.hours;
  const recordedHours = (spokenHours * order.recorded) / 100;
  const slots = Math.ceil((order.hours * 60) / Math.max(1, order.talkMinutes + order.breakMinutes));
  const starts = recordedHours === 0 ? 0 : (order.starts ?? slots);
  const gpuHours =
    (starts * (order.startMinutes + order.idleMinutes)) / 60 + (recordedHours * 60 * order.gpuSeconds) / 3600;
  const gpuPrice = order.priceGpu ?? (order.spot === 'yes' ? prices.gpuSpot : prices.gpu);
  const hourOf = (perMonth: number) => perMonth / hoursOfMonth;
  const gb = recordedHours * gbPerHour;
  const isRecorded = recordedHours > 0;
  return [
    {
      ...{ part: 'live', what: 'captions' },
      howMuch: `${number(spokenHours * 60)} min`,
      money: spokenHours * 60 * order.priceLive,
    },
    {
      ...{ part: 'live', what: 'relay: t4g.small, address, disk' },
      howMuch: '24 h',
      money: 24 * (prices.relay + prices.address + relayDiskGiB * hourOf(prices.disk)),
    },
    {
      ...{ part: 'after the talk', what: `g6.xlarge${order.spot === 'yes' ? ' on Spot' : ''}` },
      howMuch: `${number(gpuHours)} h in ${number(starts)} starts`,
      money: gpuHours * gpuPrice,
    },
    {
      ...{ part: 'after the talk', what: 'its address and disk' },
      howMuch: `${number(gpuHours)} h`,
      money: gpuHours * (prices.address + gpuDiskGiB * hourOf(prices.disk)),
    },
    {
      ...{ part: 'after the talk', what: `recordings, kept ${number(order.keptDays)} days` },
      howMuch: `${number(gb)} GB`,
      money: (gb * order.priceStored * order.keptDays * 24) / hoursOfMonth,
    },
    {
      ...{ part: 'after the talk', what: 'the image with its models' },
      howMuch: isRecorded ? `${imageGb} GB` : '0 GB',
      money: isRecorded ? imageGb * 24 * hourOf(prices.image) : 0,
    },
  ];
}

const number = (value: number) => String(Math.round(value * 10) / 10);
const dollars = (value: number) => value.toFixed(2);

/** As Markdown. */
export function costTable(order: CostSettings): string {
  const rows = costsOfDay(order);
  const sumOf = (part?: CostRow['part']) =>
    dollars(rows.reduce((sum, row) => sum + (part === undefined || row.part === part ? row.money : 0), 0));
  const cells = [
    ['', 'a day', 'US dollars'],
    ...(['live', 'after the talk'] as const).flatMap((part) => [
      ...rows.filter((row) => row.part === part).map(({ what, howMuch, money }) => [what, howMuch, dollars(money)]),
      [`**${part}**`, '', `**${sumOf(part)}**`],
    ]),
    ['**together**', '', `**${sumOf()}**`],
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill = ' ') =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width, fill)).join(' | ')} |`;
  const [head = [], ...body] = cells;
  return [line(head), line(['', '', ''], '-'), ...body.map((row) => line(row))].join('\n');
}
