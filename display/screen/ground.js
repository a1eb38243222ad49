// @ts-check
/** Runs before anything is painted, unlike the page's modules: not even the first frame of an overlay has a ground. */
{
  const overlay = new URLSearchParams(location.search).get('overlay');
  const isOn = overlay !== null && ['', '1', 'true', 'yes', 'on'].includes(overlay.toLowerCase());
  document.documentElement.toggleAttribute('data-overlay', isOn);
}
