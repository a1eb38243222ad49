/** Screenshots that a person looks at after a run: kept in test/output/, which git does not see. */
import { mkdir } from 'node:fs/promises';
import type { Page, PageScreenshotOptions } from 'playwright-core';

const folder = new URL('../output/', import.meta.url).pathname;

/**
 * Keeps what `page` shows as `test/output/NAME.png`; the same name again replaces it.
 * @param name words of what it shows; anything but letters and digits becomes a hyphen
 * @returns the image
 */
export async function keepScreenshot(page: Page, name: string, options: PageScreenshotOptions = {}): Promise<Buffer> {
  await mkdir(folder, { recursive: true });
  const file = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  return page.screenshot({ ...options, path: `${folder}${file}.png` });
}
