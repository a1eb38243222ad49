// @ts-check
/** Which room of the schedule is which of ours, for those whose names do not tell. */
import { make } from '../make.js';
import { choiceField } from './fields.js';
import { Form } from './form.js';

export class RoomMapping {
  element = make('div', { class: 'mapping', hidden: '' });
  #save;
  /** What is shown, so that the same again leaves alone what is chosen. */
  #shown = '';

  /** @param {{ save: (rooms: Record<string, string>) => Promise<void> }} parts */
  constructor({ save }) {
    this.#save = save;
  }

  /**
   * @param {{ names: string[], unmatched: string[], mapped: Record<string, string>, rooms: { room: string, name: string }[] }} parts
   *   `names`: rooms in the schedule; `unmatched`: those that are none of ours
   */
  show({ names, unmatched, mapped, rooms }) {
    const shown = JSON.stringify([names, unmatched, mapped, rooms.map(({ room, name }) => [room, name])]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const asked = [...new Set([...unmatched, ...Object.keys(mapped)])].filter(
      (name) => names.includes(name) || unmatched.includes(name),
    );
    this.element.hidden = asked.length === 0;
    const fields = asked.map((name) => {
      const field = choiceField({
        name,
        label: `“${name}” is`,
        options: [['', unmatched.includes(name) ? 'none of our rooms' : 'found by its name'], ...ours(rooms)],
      });
      field.put(Object.hasOwn(mapped, name) ? mapped[name] : null);
      return { name, field };
    });
    const form = new Form({
      fields: fields.map(({ field }) => field),
      button: 'Save the rooms',
      act: async () => {
        /** @type {[string, string][]} */
        const chosen = fields.flatMap(({ name, field }) => {
          const room = field.read();
          return room ? [[name, room]] : [];
        });
        await this.#save(Object.fromEntries(chosen));
        return 'Saved.';
      },
    });
    const words = `${unmatched.length === 1 ? 'One room' : `${unmatched.length} rooms`} of the schedule ${unmatched.length === 1 ? 'is' : 'are'} none of ours yet. Their talks are left out.`;
    this.element.replaceChildren(
      make('h3', {}, 'Rooms of the schedule'),
      ...(unmatched.length > 0 ? [make('p', { class: 'warning' }, words)] : []),
      form.element,
    );
  }
}

/** @param {{ room: string, name: string }[]} rooms @returns {[string, string][]} */
const ours = (rooms) => rooms.map(({ room, name }) => [room, name === room ? name : `${name} (${room})`]);
