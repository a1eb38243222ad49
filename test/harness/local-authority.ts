import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Certificates for localhost by an authority that only this test knows. */
export class LocalAuthority {
  /** Of the authority itself. */
  readonly authorityFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;

  constructor(folder: string) {
    const file = (name: string) => join(folder, name);
    this.authorityFile = file('authority.pem');
    this.certificateFile = file('localhost.pem');
    this.keyFile = file('localhost.key');
    const make = (key: string, certificate: string, name: string, ...more: string[]) =>
      execFileSync(
        'openssl',
        [
          ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
          ...['-keyout', key, '-out', certificate, '-subj', `/CN=${name}`, ...more],
        ],
        { stdio: 'pipe' },
      );
    make(file('authority.key'), this.authorityFile, 'Authority of a test');
    const signed = ['-CA', this.authorityFile, '-CAkey', file('authority.key')];
    const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-addext', 'basicConstraints=CA:FALSE'];
    make(this.keyFile, this.certificateFile, 'localhost', ...signed, ...names);
  }

  get certificate(): string {
    return readFileSync(this.authorityFile, 'utf8');
  }
}
