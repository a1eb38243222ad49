import { SalaError } from '../../systemd/errors.ts';

export type StoreErrorCode =
  | 'store-unreachable'
  | 'store-refused'
  | 'store-full'
  | 'store-missing'
  | 'store-exists'
  | 'store-changed'
  | 'store-damaged'
  | 'store-too-large'
  | 'store-key';

/** Hints of what does not depend on the kind of store. */
const hints: Readonly<Record<StoreErrorCode, string>> = {
  'store-unreachable': 'It is tried again by itself; look at the network and at the store’s own state.',
  'store-refused': 'Give the program the rights that relay/objects/README.md lists.',
  'store-full': 'Make room in the store, or raise its quota; what waits is kept and goes on by itself.',
  'store-missing': 'It may have been deleted; see that the address of the store is the right one.',
  'store-exists': 'Somebody else was first; what is there is left as it is.',
  'store-changed': 'Somebody else changed it meanwhile; read it again and decide anew.',
  'store-damaged': 'The store’s disk or something on the way to it spoils data: let it be examined.',
  'store-too-large': 'It is not what it ought to be; see what lies under this key.',
  'store-key': 'Keys have parts of letters, digits and . _ - between slashes, none of which begins with a full stop.',
};

/** What an object store could not do, in words. */
export function storeError(code: StoreErrorCode, message: string, cause?: unknown, hint = hints[code]): SalaError {
  return new SalaError(message, { code, hint, cause });
}
