import type { Origins } from './origins.ts';

/** A browser takes the first only over TLS, for this host alone and for all its paths. */
export const cookieNames = { https: '__Host-sala-session', http: 'sala-session' } as const;

/** The scheme of the page that asks: by its origin, else the best of those that are configured. */
const schemeOf = (origins: Origins, origin: string | undefined) =>
  (origin === undefined ? origins.uses('https') : origin.startsWith('https:')) ? 'https' : 'http';

/**
 * The session of a `Cookie` header; null where there is none, or more than one: a neighbour's page can plant a second one
 * of that name, and nobody can tell which is ours.
 */
export function readSessionCookie(
  header: string | undefined,
  origins: Origins,
  origin: string | undefined,
): string | null {
  const cookies = (header ?? '').split(';').map((each) => each.trim().split(/=(.*)/s, 2));
  // A page's own scheme decides. Where that is not known the weaker name counts only where the stronger one is missing.
  const names = (['https', 'http'] as const).filter((each) =>
    origin !== undefined && origins.has(origin) ? each === schemeOf(origins, origin) : origins.uses(each),
  );
  for (const name of names) {
    const values = cookies.filter(([key]) => key === cookieNames[name]).map(([, value = '']) => value);
    if (values.length > 0) return values.length === 1 ? (values[0] ?? null) : null;
  }
  return null;
}

/** The `Set-Cookie` of a login. @param maxAgeSeconds 0: of a logout */
export function writeSessionCookie(
  value: string,
  maxAgeSeconds: number,
  origins: Origins,
  origin: string | undefined,
): string {
  const scheme = schemeOf(origins, origin);
  const secure = scheme === 'https' ? '; Secure' : '';
  return `${cookieNames[scheme]}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`;
}
