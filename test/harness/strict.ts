/** Checks that the product does not pass yet are skipped with their reason; `SALA_TEST_STRICT=1` runs them. */
export const isStrict = process.env.SALA_TEST_STRICT === '1';
