/** Strict parsers of subtitle files that come without types of their own. */

declare module 'webvtt-parser' {
  export interface WebVttNode {
    readonly type: string;
    readonly name?: string;
    /** Of a tag: its annotation; of text: the text. */
    readonly value?: string;
    readonly children?: readonly WebVttNode[];
  }

  export interface WebVttCue {
    readonly startTime: number;
    readonly endTime: number;
    readonly text: string;
    readonly tree: WebVttNode;
  }

  interface WebVttParser {
    parse(
      text: string,
      mode?: 'metadata' | 'chapters',
    ): { readonly cues: readonly WebVttCue[]; readonly errors: readonly { message: string; line: number }[] };
  }

  const parsers: { readonly WebVTTParser: new (entities?: Readonly<Record<string, string>>) => WebVttParser };
  export default parsers;
}
