import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './programs.ts';

/**
 * Compiles a C file beside this one into a library for LD_PRELOAD, once for each change of it.
 * @returns its path; null where there is no compiler, which is said on standard error
 */
export function compiledShim(name: string): string | null {
  const source = join(import.meta.dirname, name);
  const folder = join(root, '.cache/shims');
  const library = join(folder, `${basename(name, '.c')}.so`);
  if (existsSync(library) && statSync(library).mtimeMs > statSync(source).mtimeMs) return library;
  mkdirSync(folder, { recursive: true });
  const made = `${library}.${process.pid}`;
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', made, source, '-ldl', '-lpthread'], { stdio: 'pipe' });
  } catch (error) {
    process.stderr.write(`skipped: ${name} cannot be compiled (${error instanceof Error ? error.message : error})\n`);
    return null;
  }
  renameSync(made, library); // several workers may compile it at once
  return library;
}
