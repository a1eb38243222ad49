// @ts-check
/** What an organizer does to a room's captions while they are read, by one press: pause, clear. */

/** A press that empties screens must be meant: the second within this time does it. */
const sureWithinMs = 4000;

/**
 * @typedef {<T>(method: string, path: string, body?: object) => Promise<T>} Call
 * @typedef {(message: unknown) => void} Tell
 * @typedef {{ room: string, name: string, paused: boolean }} ActedRoom
 */

/** @param {string} text @param {() => unknown} press */
function button(text, press) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.addEventListener('click', press);
  return made;
}

/**
 * The buttons of a room, for the last cell of its row.
 * @param {{ room: string, name: string, call: Call, tell: Tell, open: () => void }} parts `open` shows the room's captions
 */
export function actButtons({ room, name, call, tell, open }) {
  const path = `/api/rooms/${room}`;
  let isPaused = false;
  const pause = button('Pause', async () => {
    pause.disabled = true;
    try {
      /** @type {ActedRoom} */
      const view = await call('PUT', `${path}/paused`, { paused: !isPaused });
      update(view.paused);
      tell(view.paused ? `${name} is paused: what is said now is not captioned.` : `${name} is captioned again.`);
    } catch (error) {
      tell(error);
    }
    pause.disabled = false;
  });

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let asked;
  const ask = () => {
    asked = setTimeout(forget, sureWithinMs);
    clear.textContent = 'Clear now?';
    tell(`Press again to empty the screens of ${name}.`);
  };
  const forget = () => {
    clearTimeout(asked);
    asked = undefined;
    clear.textContent = 'Clear';
  };
  const clear = button('Clear', async () => {
    if (asked === undefined) return ask();
    forget();
    try {
      await call('POST', `${path}/clear`);
      tell(`The screens of ${name} are empty.`);
    } catch (error) {
      tell(error);
    }
  });

  const captions = button('Captions', open);
  for (const each of [pause, clear, captions]) each.className = 'act';
  captions.setAttribute('aria-label', `Captions of ${name}`);
  clear.addEventListener('blur', forget);

  /** @param {boolean} paused */
  const update = (paused) => {
    isPaused = paused;
    pause.textContent = paused ? 'Resume' : 'Pause';
  };
  const group = document.createElement('div');
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', `Acts in ${name}`);
  group.append(pause, ' ', clear, ' ', captions);
  return { group, update };
}
