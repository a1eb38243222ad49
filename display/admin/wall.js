// @ts-check
/** A card for every room, the one with a fault first. */
export {};
