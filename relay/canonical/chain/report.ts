import { z } from 'zod';

const count = z.int().min(0);

/** `report.json`, for organizers. Nothing that was taken out of the transcript is in it. */
export const report = z.object({
  schema: z.literal('sala.report.v1'),
  engine: z.string(),
  words: count,
  segments: count,
});
export type Report = z.infer<typeof report>;
