/** Whether the long forms of tests are wanted: `npm run test:long`. */
export const isLong = process.env.SALA_TEST_LONG !== undefined;
