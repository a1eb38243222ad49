/** Parts that do nothing, where a kit or a test has none. */
import type { Lamp, Machine, Updater } from './parts.ts';

export const noUpdater: Updater = {
  start: () => {},
  stop: () => Promise.resolve(),
  offer: () => {},
  idle: () => {},
  look: () => {},
  report: null,
};

export const noLamp: Lamp = { show: () => {}, identify: () => {}, stop: () => Promise.resolve() };

export const noMachine: Machine = {
  start: () => {},
  stop: () => Promise.resolve(),
  heard: () => {},
  health: null,
  problem: null,
};
