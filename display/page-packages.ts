import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The files that pages load from `/display/lib/` and that come from npm packages, by name, as paths on this disk; as
 * listed in `lib/packages.json` of the pages' folder.
 * @throws where the list or a package is missing
 */
export function packageFiles(pagesDir: string): ReadonlyMap<string, string> {
  const listed: Record<string, string> = JSON.parse(readFileSync(join(pagesDir, 'lib/packages.json'), 'utf8'));
  return new Map(
    Object.entries(listed).map(([name, specifier]) => [name, fileURLToPath(import.meta.resolve(specifier))]),
  );
}
