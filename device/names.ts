import dns from 'node:dns';
import type { LookupFunction } from 'node:net';

export interface NamesOptions {
  /** How long an answer is waited for where an earlier one can stand in. */
  readonly patienceMs?: number;
  readonly resolve?: (name: string) => Promise<dns.LookupAddress[]>;
}

/**
 * The addresses of names. One question about a name is under way at a time, because in a dead network each holds one of the
 * process's few threads for many seconds; and where no answer comes the last one counts, because the resolver asks again
 * only seconds after the line is back.
 */
export class Names {
  readonly #patienceMs: number;
  readonly #resolve: (name: string) => Promise<dns.LookupAddress[]>;
  readonly #asking = new Map<string, Promise<dns.LookupAddress[]>>();
  readonly #last = new Map<string, dns.LookupAddress[]>();

  constructor({ patienceMs = 300, resolve = (name) => dns.promises.lookup(name, { all: true }) }: NamesOptions = {}) {
    this.#patienceMs = patienceMs;
    this.#resolve = resolve;
  }

  /** As `dns.lookup` is called by a socket. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    this.#addresses(name).then(
      (addresses) => {
        const [first] = addresses;
        if (options.all || !first) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };

  /** @throws as the resolver does, where nothing was ever known of the name, or where there is no such name */
  #addresses(name: string): Promise<dns.LookupAddress[]> {
    const last = this.#last.get(name);
    const answer = this.#ask(name);
    if (!last) return answer;
    let expiry: NodeJS.Timeout | undefined;
    const expired = new Promise<dns.LookupAddress[]>((resolve) => {
      expiry = setTimeout(() => resolve(last), this.#patienceMs);
    });
    const known = answer.catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EAI_AGAIN') return last;
      throw error;
    });
    return Promise.race([known, expired]).finally(() => clearTimeout(expiry));
  }

  #ask(name: string): Promise<dns.LookupAddress[]> {
    const asking = this.#asking.get(name);
    if (asking !== undefined) return asking;
    const answer = this.#resolve(name).then((addresses) => {
      this.#last.set(name, addresses);
      return addresses;
    });
    this.#asking.set(name, answer);
    const over = () => this.#asking.delete(name);
    answer.then(over, over);
    return answer;
  }
}
