// @ts-check
/** The kinds of fields: each reads its value as the relay takes it. */
import { make } from '../make.js';
import { Field, keyOf } from './field.js';

/**
 * @typedef {{ name: string, label: string, hint?: string, attributes?: Record<string, string> }} Named
 */

/** One line; empty is null where `nullable`, else ''; `exact`: with the spaces around it. @param {Named & { nullable?: boolean, exact?: boolean }} parts
 * @returns {Field<string | null>} */
export function textField({ attributes = {}, nullable = false, exact = false, ...named }) {
  const control = make('input', { type: 'text', autocomplete: 'off', ...attributes });
  return new Field({
    ...named,
    control,
    read: () => (nullable && control.value.trim() === '' ? null : exact ? control.value : control.value.trim()),
    write: (value) => {
      control.value = keyOf(value);
    },
  });
}

/** One value a line. @param {Named} parts @returns {Field<string[]>} */
export function linesField({ attributes = {}, ...named }) {
  const control = make('textarea', { rows: '2', ...attributes });
  return new Field({
    ...named,
    control,
    read: () => partsOf(control.value, '\n'),
    write: (value) => {
      control.value = Array.isArray(value) ? value.join('\n') : '';
    },
  });
}

/** @param {string} text @param {string} divider */
const partsOf = (text, divider) =>
  text
    .split(divider)
    .map((each) => each.trim())
    .filter(Boolean);

/** Values divided by commas. @param {Named} parts @returns {Field<string[]>} */
export function listField({ attributes = {}, ...named }) {
  const control = make('input', { type: 'text', autocomplete: 'off', ...attributes });
  return new Field({
    ...named,
    control,
    read: () => partsOf(control.value, ','),
    write: (value) => {
      control.value = Array.isArray(value) ? value.join(', ') : '';
    },
  });
}

/** Empty: null. @param {Named} parts @returns {Field<number | null>} */
export function numberField({ attributes = {}, ...named }) {
  const control = make('input', { type: 'number', inputmode: 'decimal', ...attributes });
  return new Field({
    ...named,
    control,
    read: () => (control.value === '' ? null : control.valueAsNumber),
    write: (value) => {
      control.value = keyOf(value);
    },
  });
}

/** @param {Named} parts @returns {Field<boolean>} */
export function tickField({ attributes = {}, ...named }) {
  const control = make('input', { type: 'checkbox', ...attributes });
  return new Field({
    ...named,
    control,
    labelAfter: true,
    read: () => control.checked,
    write: (value) => {
      control.checked = value === true;
    },
  });
}

/** One of several; '' stands for null. A value that is none of them becomes one. @param {Named & { options: readonly (readonly [string, string])[] }} parts
 * @returns {Field<string | null>} */
export function choiceField({ options, attributes = {}, ...named }) {
  const control = make('select', attributes, ...options.map(([value, text]) => make('option', { value }, text)));
  return new Field({
    ...named,
    control,
    read: () => control.value || null,
    write: (value) => {
      const key = keyOf(value);
      if (![...control.options].some((option) => option.value === key))
        control.append(make('option', { value: key }, key));
      control.value = key;
    },
  });
}

/** A moment by this device's clock and zone, to the minute, as ms since 1970; empty: null. @param {Named} parts @returns {Field<number | null>} */
export function momentField({ attributes = {}, ...named }) {
  const control = make('input', { type: 'datetime-local', ...attributes });
  return new Field({
    ...named,
    control,
    read: () => (control.value === '' ? null : new Date(control.value).getTime()),
    write: (value) => {
      control.value = typeof value === 'number' ? localMinute(value) : '';
    },
  });
}

/** As `datetime-local` takes it, with seconds only where there are some. @param {number} ms */
export function localMinute(ms) {
  const offsetMs = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offsetMs).toISOString().replace(/(:00)?\.\d{3}Z$/, '');
}
