/** HTML whose texts cannot be anything but texts. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Markup | readonly Markup[];

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string) => text.replace(/[&<>"']/g, (letter) => escapes[letter] ?? '');

const textOf = (part: Part): string => {
  if (part instanceof Markup) return part.text;
  return typeof part === 'object' ? part.map(({ text }) => text).join('') : escaped(String(part));
};

/** Markup as written, with each value in it as text; markup in markup stays markup. */
export const html = (markup: TemplateStringsArray, ...parts: readonly Part[]): Markup =>
  new Markup(markup.map((each, index) => `${each}${index < parts.length ? textOf(parts[index] ?? '') : ''}`).join(''));

/** Nothing. */
export const none = new Markup('');
