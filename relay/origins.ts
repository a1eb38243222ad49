/** Where the relay's own pages are, by its configuration alone: what a request says of its host proves nothing. */
export class Origins {
  readonly #allowed: Set<string>;
  readonly #isGiven: boolean;

  /** @param given each as a browser writes it, `https://HOST[:PORT]`; none: what `listening` finds */
  constructor(given: readonly string[] = []) {
    this.#allowed = new Set(given);
    this.#isGiven = given.length > 0;
  }

  /** The address that is listened on, where no other was given; a loopback one has all its names. */
  listening(url: string): void {
    if (this.#isGiven) return;
    const { hostname, port, origin } = new URL(url);
    this.#allowed.add(origin);
    const names = ['localhost', '127.0.0.1', '[::1]'];
    if (names.includes(hostname) || isEvery.test(hostname))
      for (const name of names) this.#allowed.add(new URL(`http://${name}:${port}`).origin);
  }

  has(origin: string): boolean {
    return this.#allowed.has(origin);
  }

  /** In the order given. */
  all(): string[] {
    return [...this.#allowed];
  }

  /** Whether pages are reached by this scheme. */
  uses(scheme: 'http' | 'https'): boolean {
    return this.all().some((each) => each.startsWith(`${scheme}:`));
  }
}

const isEvery = /^(0\.0\.0\.0|\[::\])$/;
