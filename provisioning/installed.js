// @ts-check
/**
 * Exits 0 where node_modules is what package-lock.json asks for, by npm's own record of what it installed. Plain
 * JavaScript for any Node that runs npm, because it runs before the project's own Node is there.
 */
import { readFileSync } from 'node:fs';

/** @typedef {{ packages: Record<string, { version?: string, optional?: boolean, link?: boolean }> }} Lock */
/** @param {string} path @returns {Lock} */
const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));

try {
  const { packages: wanted } = read('../package-lock.json');
  const { packages: installed } = read('../node_modules/.package-lock.json');
  const differs = Object.entries(wanted).some(([path, { version, optional }]) => {
    if (path === '' || !path.includes('node_modules/')) return false;
    const found = installed[path];
    // An optional package is also absent where it is made for another platform.
    return found ? found.version !== version : !optional;
  });
  process.exitCode = differs ? 1 : 0;
} catch {
  process.exitCode = 1;
}
