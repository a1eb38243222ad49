const blockBytes = 1024; // the smallest block of ext4; a file begins at the beginning of one
const largestBlockBytes = 4096;

const isText = (byte: number) => byte === 0x09 || byte === 0x0a || (byte >= 0x20 && byte < 0x7f);

/**
 * Gives a card's partitions a new PARTUUID in what the image's system partition says of them, while it passes by: in
 * `/etc/fstab`, by as many letters as before, so that nothing of the file system moves. Blocks of data have no
 * checksum in ext4. Only lines count that name a device at their beginning, in a block of nothing but text so far.
 */
export class DiskIdRewriter {
  readonly #old: Buffer;
  readonly #fresh: Buffer;

  /** @param old @param fresh eight digits of hexadecimal each */
  constructor(old: string, fresh: string) {
    this.#old = Buffer.from(`PARTUUID=${old}-0`);
    this.#fresh = Buffer.from(`PARTUUID=${fresh}-0`);
  }

  /**
   * Changes `chunk` in place; its first byte is at the beginning of a block.
   * @returns how many lines it changed, and in how many places it left the old identifier
   */
  rewrite(chunk: Buffer): { rewritten: number; left: number } {
    let [rewritten, left] = [0, 0];
    for (let at = chunk.indexOf(this.#old); at !== -1; at = chunk.indexOf(this.#old, at + 1)) {
      if (this.#isLine(chunk, at)) {
        this.#fresh.copy(chunk, at);
        rewritten++;
      } else left++;
    }
    return { rewritten, left };
  }

  #isLine(chunk: Buffer, at: number): boolean {
    if (at % blockBytes !== 0 && chunk[at - 1] !== 0x0a) return false;
    for (let before = at - 1; before >= 0 && at - before <= largestBlockBytes; before--) {
      if (!isText(chunk[before] ?? 0)) return false;
      if (before % blockBytes === 0) return true;
    }
    return true;
  }
}
