import { SalaError } from '../../../systemd/errors.ts';

/** What makes a transcript impossible; another run over the same input makes it no better. */
export class ChainError extends SalaError {
  constructor(code: 'bad-text-rules' | 'engine-incomplete' | 'too-many-words', message: string, hint: string) {
    super(message, { code, hint });
  }
}
