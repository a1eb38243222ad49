/** Why each: a screen that nobody sits at, has no keyring, no network of its own, and must never show but one page. */
const always: readonly string[] = [
  '--remote-debugging-pipe',
  // One page on all of the screen, without a frame, and no way out of it.
  '--kiosk',
  '--start-fullscreen',
  '--disable-pinch',
  '--overscroll-history-navigation=0',
  // Nothing asks, offers, warns or welcomes.
  '--no-first-run',
  '--no-default-browser-check',
  '--noerrdialogs',
  '--disable-session-crashed-bubble',
  '--hide-crash-restore-bubble',
  '--disable-infobars',
  '--disable-prompt-on-repost',
  '--disable-notifications',
  '--password-store=basic',
  '--no-memcheck',
  '--deny-permission-prompts',
  // Nothing is fetched, reported or renewed.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-breakpad',
  '--disable-crash-reporter',
  '--disable-domain-reliability',
  '--disable-sync',
  '--disable-default-apps',
  '--no-pings',
  '--metrics-recording-only',
  '--simulate-outdated-no-au=Tue, 31 Dec 2199 23:59:59 GMT',
  '--check-for-update-interval=31536000',
  // Raspberry Pi OS preloads two, Debian looks for more.
  '--disable-extensions',
  '--disable-component-extensions-with-background-pages',
  // A page that nobody touches is at work all the same.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--disable-hang-monitor',
  // One page needs one renderer; a script that leaks is ended before it takes the machine.
  '--renderer-process-limit=1',
  '--js-flags=--max-old-space-size=256',
  '--disk-cache-size=1',
  '--disable-features=Translate,MediaRouter,OptimizationHints,InterestFeedContentSuggestions,DialMediaRouteProvider',
];

/**
 * @param profile a fresh folder
 * @param more by the operator; of the same switch the browser takes the last
 */
export const switchesFor = (profile: string, page: string, more: readonly string[]): string[] => [
  ...always,
  `--user-data-dir=${profile}`,
  // A window of its own, without tabs and an address bar, whose helpers would take a second process.
  `--app=${page}`,
  ...more,
];
