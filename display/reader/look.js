// @ts-check
/** What a reader has chosen, told to the style sheet. */

/** @import { ReaderSettings } from './settings.js' */

/** @param {HTMLElement} root @param {Readonly<ReaderSettings>} settings @param {boolean} isLightDevice the device prefers light */
export function applyLook(root, { size, theme, contrast, font, spacing }, isLightDevice) {
  root.style.setProperty('--reading-size', `${size}rem`);
  root.dataset.theme = theme === 'device' ? (isLightDevice ? 'light' : 'dark') : theme;
  root.dataset.contrast = contrast;
  root.dataset.font = font;
  root.dataset.spacing = spacing;
  // The browser's own bars go with the page.
  const { backgroundColor } = getComputedStyle(root);
  root.querySelector('meta[name="theme-color"]')?.setAttribute('content', backgroundColor);
}
