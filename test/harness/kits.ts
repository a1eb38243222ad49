import { randomBytes } from 'node:crypto';
import { kitProtocol } from '../../relay/kit-protocol.ts';
import { bearer, type House, type Reading } from './doors.ts';

/** A key as a kit makes it. */
export const newKey = () => `kit_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('base64url')}`;

export const healthy = { state: 'ok', message: 'All is well' };
export const kitHello = {
  type: 'hello',
  version: '1.0.0',
  bootId: '00000000-0000-4000-8000-000000000001',
  health: healthy,
};

/** A kit that is enrolled, and its key. */
export function enrolledKit(house: House, name: string, kind: 'device' | 'display' | 'solo', room: string): string {
  const { kits } = house.rights;
  const key = newKey();
  kits.enrol(kits.create(name, kind, room, '').token, key, { version: '1.0.0' });
  return key;
}

/** A kit's connection, with what it says first. */
export function kitLink(house: House, key: string, hello: object | null = kitHello): Reading {
  const link = house.connect('/api/kit', [kitProtocol], bearer(key));
  if (hello) link.socket.once('open', () => link.socket.send(JSON.stringify(hello)));
  return link;
}
