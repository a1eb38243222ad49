// @ts-check
/** Sound and notifications for alarms, by choice. */
export {};
