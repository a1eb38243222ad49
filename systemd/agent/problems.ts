/** What keeps a kit from its relay, in plain words. */
import { codeOf, type Explained, messageOf } from '../errors.ts';

/** No connection came about, or it broke. @param hasNetwork some interface of this machine has an address */
export function explainFailure(error: unknown, hasNetwork: boolean): Explained {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = codeOf(cause);
  if (!hasNetwork)
    return {
      code: 'network-absent',
      message: 'This kit has no network',
      hint: 'Plug in the network cable, or bring the Wi-Fi that it knows into reach.',
    };
  if (code === 'CERT_NOT_YET_VALID')
    return {
      code: 'clock-wrong',
      message: 'The relay’s certificate is not valid yet: the clock of this kit is behind',
      hint: 'The clock sets itself once a time server answers. Let this kit through to its time servers (UDP port 123).',
    };
  if (code === 'CERT_HAS_EXPIRED')
    return {
      code: 'relay-certificate',
      message: 'The relay’s certificate has expired, or the clock of this kit is ahead',
      hint: 'Renew the relay’s certificate; if it is good, look at the date of this kit.',
    };
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code))
    return {
      code: 'relay-certificate',
      message: `The relay’s certificate is not trusted (${code})`,
      hint: 'Correct the relay’s certificate; a network that intercepts connections shows itself like this too.',
    };
  const hints: Record<string, string> = {
    ENOTFOUND: 'Check the DNS of this network and the relay’s name in the inventory.',
    EAI_AGAIN: 'Check the network cable and the DNS of this network.',
    ECONNREFUSED: 'Check that the relay runs and that the inventory names its port.',
  };
  const isSlow = error instanceof Error && /^(TimeoutError|AbortError)$/.test(error.name);
  return {
    code: 'relay-unreachable',
    message: `The relay cannot be reached (${isSlow ? 'no answer in time' : code || messageOf(cause)})`,
    hint: hints[code] ?? 'Check the network, and that it lets this kit out to the relay (TCP port 443).',
  };
}

/** Something answered that is no relay of ours. */
export const networkLogin = (status: number): Explained => ({
  code: 'network-login',
  message: `Something between this kit and the relay answered (HTTP ${status})`,
  hint: 'This network may want a login on a web page: ask for one without, or for an exception for this kit.',
});

export const relayUnavailable = (status: number): Explained => ({
  code: 'relay-unavailable',
  message: `The relay takes no one now (HTTP ${status})`,
  hint: 'It is asked again from time to time. If this stays, look at the relay’s log and at what is before it.',
});

export const relayTooOld: Explained = {
  code: 'relay-too-old',
  message: 'The relay knows nothing of kits',
  hint: 'Update the relay, or correct its address in the inventory.',
};

const anotherToken = 'Make a new enrolment token on the admin page and write it to this card (sala-kit reseed).';

export const noToken: Explained = {
  code: 'enrolment-no-token',
  message: 'This kit is not enrolled, and there is no enrolment token on its card',
  hint: anotherToken,
};

export const tokenDamaged: Explained = {
  code: 'enrolment-token-damaged',
  message: 'The enrolment token on this card cannot be read',
  hint: 'Write it anew (sala-kit reseed).',
};

/** What the relay may say of an enrolment token, by its code; null for anything else. */
export function explainRefusal(code: string, message: string): Explained | null {
  const hints: Record<string, string> = {
    'enrolment-used': `Another kit, or this one before its card was written anew, has used it. ${anotherToken}`,
    'enrolment-expired': anotherToken,
    'enrolment-revoked': anotherToken,
    'enrolment-unknown': `It was taken back, or belongs to another relay. ${anotherToken}`,
  };
  const hint = hints[code];
  return hint ? { code, message: message || 'The relay does not take this card’s enrolment token', hint } : null;
}

export const keyRefused: Explained = {
  code: 'key-refused',
  message: 'The relay does not accept this kit’s key: it was revoked, or the kit was deleted',
  hint: `To use this kit again: ${anotherToken.charAt(0).toLowerCase()}${anotherToken.slice(1)}`,
};

export const keyDamaged: Explained = {
  code: 'key-damaged',
  message: 'This kit’s key is gone from its card, or damaged',
  hint: `${anotherToken} If it happens again, replace the card.`,
};

export const keyInUse: Explained = {
  code: 'key-in-use',
  message: 'Another machine says that it is this kit',
  hint: 'Its card may have been copied: revoke this kit’s key on the admin page and enrol it anew.',
};

/** Of a solo kit. */
export const adminTokenRefused: Explained = {
  code: 'admin-token-refused',
  message: 'This kit’s own relay does not accept the admin token of its card',
  hint: 'Write the card anew with the token that the relay was set up with (sala-kit reseed), or erase the relay’s data.',
};

/** @param what is being done: "write its key" */
export const diskFailed = (what: string, error: unknown): Explained => ({
  code: 'disk-failed',
  message: `This kit’s card does not let it ${what} (${codeOf(error) || messageOf(error)})`,
  hint: 'If this stays after a restart, replace the card.',
});
