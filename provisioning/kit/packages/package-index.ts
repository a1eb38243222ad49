/** One package of an archive, as its signed index has it. */
export interface IndexedPackage {
  readonly name: string;
  readonly version: string;
  /** Its path below the archive's address: `pool/main/…`. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** `Packages` of an archive, stanza by stanza. */
export function* readPackageIndex(text: string): Generator<IndexedPackage> {
  for (const stanza of text.split(/\n\n+/)) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1];
    const [name, version, path, sha256] = [field('Package'), field('Version'), field('Filename'), field('SHA256')];
    const bytes = Number(field('Size'));
    if (!name || !version || !path || !sha256 || !Number.isSafeInteger(bytes)) continue;
    // A path that leads out of the archive would be written there.
    if (!/^pool\/(?:[\w.+~-]+\/)+[\w.+~%-]+\.deb$/.test(path) || path.includes('/../')) continue;
    yield { name, version, path, bytes, sha256 };
  }
}

/** What a signed `Release` says of one of its files; undefined where it does not name it. */
export function signedFile(
  release: string,
  path: string,
): { readonly sha256: string; readonly bytes: number } | undefined {
  const section = /^SHA256:\n((?: .*\n?)+)/m.exec(release)?.[1] ?? '';
  for (const line of section.split('\n')) {
    const [sha256, bytes, name] = line.trim().split(/\s+/);
    if (name === path && sha256 && bytes) return { sha256, bytes: Number(bytes) };
  }
  return undefined;
}
