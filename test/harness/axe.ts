/** What axe-core, and a rule of our own on contrast, find wrong with a page as it is now. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';

const source = await readFile(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

export interface AxeOptions {
  /** Rules of axe-core that do not apply, e.g. `color-contrast` over a picture. */
  readonly without?: readonly string[];
}

interface AxeResults {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/**
 * Every violation of axe-core's rules, best practices included, as `RULE: HTML`; empty where all is well.
 * The script goes in by the debugger's door, since a page's policy allows no other.
 */
export async function accessibilityFaults(page: Page, { without = [] }: AxeOptions = {}): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(source);
  const rules = JSON.stringify(Object.fromEntries(without.map((rule) => [rule, { enabled: false }])));
  const results = await page.evaluate<AxeResults>(`axe.run(document, { rules: ${rules} })`);
  return results.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 300)}`));
}

/** A word on the page, and how it stands out from the ground directly behind it, by WCAG 2. */
export interface Contrast {
  readonly text: string;
  readonly ratio: number;
}

/** The contrast of every visible word, lowest first; grounds are plain colours, as all of ours are. */
export async function contrasts(page: Page): Promise<Contrast[]> {
  return page.evaluate(() => {
    const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = (colour: string) => {
      const [red = 0, green = 0, blue = 0] = channels(colour).map((each) => {
        const share = each / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const groundOf = (element: Element | null): string => {
      if (!element) return 'rgb(255, 255, 255)';
      const { backgroundColor } = getComputedStyle(element);
      return (channels(backgroundColor)[3] ?? 1) === 0 ? groundOf(element.parentElement) : backgroundColor;
    };
    const found: { text: string; ratio: number }[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const [text, element] = [node.textContent?.trim() ?? '', node.parentElement];
      if (!text || !element?.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      const [one, other] = [luminance(getComputedStyle(element).color), luminance(groundOf(element))];
      found.push({ text, ratio: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05) });
    }
    return found.sort((a, b) => a.ratio - b.ratio);
  });
}
