/**
 * What is wrong with the screen, by what mends it.
 *
 * - `ended`: there is no browser.
 * - `crashed`: the page's renderer has ended.
 * - `strange`: something else than our page is shown, or our page whose script did not start.
 * - `stuck`: the page does not answer: a script that never ends.
 * - `still`: the page answers, and no frame of it is painted.
 * - `swollen`: the browser takes more memory than it may.
 */
export type FaultKind = 'ended' | 'crashed' | 'strange' | 'stuck' | 'still' | 'swollen';

/** Why the screen cannot be relied on, in a sentence. */
export class ScreenFault extends Error {
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string) {
    super(message);
    this.name = 'ScreenFault';
    this.kind = kind;
  }
}
