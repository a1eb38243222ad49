/** The kinds of kit, as the inventory has them. */
export const kinds = ['device', 'display', 'solo'] as const;
export type Kind = (typeof kinds)[number];

/**
 * What a kit needs beyond Raspberry Pi OS Lite, by Debian's names. Their whole closure is collected as if nothing were
 * installed yet: what the image has already is then passed over by apt, and what an image of another month has in
 * another version is there. That costs a device kit 10 MB, and no list of an image's contents can grow old.
 */
const device = ['libportaudio2', 'libjack-jackd2-0', 'alsa-utils'] as const;

const display = [
  'cage',
  // Gives cage the screen without a login.
  'seatd',
  'chromium',
  'chromium-sandbox',
  // Rendering on the Pi's own graphics.
  'libgl1-mesa-dri',
  // Latin, Greek, Cyrillic, Arabic, Hebrew, the scripts of India and a hundred more; then Chinese, Japanese, Korean.
  'fonts-noto-core',
  'fonts-noto-cjk',
  'fonts-noto-color-emoji',
] as const;

/** The recogniser that needs no cloud, and its English model. */
const recogniser = ['libpocketsphinx3', 'pocketsphinx-en-us'] as const;

export const wantedPackages: Readonly<Record<Kind, readonly string[]>> = {
  device,
  display,
  solo: [...new Set([...device, ...display, ...recogniser])],
};
