// @ts-check
/** A screen that nobody points at shows no cursor. */

export const cursorShownMs = 3000;

/**
 * @param {HTMLElement} root told by `data-still` that its cursor is to be hidden
 * @param {{ setTimeout: (run: () => void, ms: number) => number, clearTimeout: (timer: number) => void }} host
 */
export function hideIdleCursor(root, host) {
  /** @type {number | null} */
  let timer = null;
  const rest = () => {
    timer = null;
    root.toggleAttribute('data-still', true);
  };
  const moved = () => {
    if (timer !== null) host.clearTimeout(timer);
    root.toggleAttribute('data-still', false);
    timer = host.setTimeout(rest, cursorShownMs);
  };
  root.addEventListener('pointermove', moved);
  moved();
}
