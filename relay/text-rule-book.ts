import type { Logger } from '../systemd/log.ts';
import { type Database, keep, readKept } from './database.ts';
import {
  type CompiledRules,
  compileRules,
  noRules,
  type Replacement,
  type RuleScope,
  type TextRules,
} from './text-rules.ts';

const key = 'text-rules';

/** Compiles rules that were checked when they were given; what this version cannot use any more is told, not fatal. */
export function compileChecked(scope: RuleScope, rules: TextRules, log: Logger): CompiledRules {
  return compileRules(scope, rules, (rule, message) =>
    log.warn({ event: 'text-rule', scope, rule, reason: message }, 'A text rule cannot be used and is left out'),
  );
}

/** The text rules of the whole event, kept in the database. Those of a room are among its settings. */
export class TextRuleBook {
  readonly #db: Database;
  readonly #log: Logger;
  #rules: TextRules;
  /** How phrases of the event's vocabulary are to be shown; they come after its rules. */
  #shown: readonly Replacement[] = [];
  #compiled: CompiledRules;

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
    this.#rules = readKept<TextRules>(db, key) ?? noRules;
    this.#compiled = compileChecked('event', this.#rules, log);
  }

  get rules(): TextRules {
    return this.#rules;
  }

  /** Ready to be applied. */
  get compiled(): CompiledRules {
    return this.#compiled;
  }

  /** Takes the place of all rules of the event, from the next partial or final of any room on. */
  put(rules: TextRules): void {
    keep(this.#db, key, rules);
    this.#db.updateCopy();
    this.#rules = rules;
    this.#compile();
  }

  /** How phrases of the event's vocabulary are to be shown, from now on. */
  show(phrases: readonly Replacement[]): void {
    this.#shown = phrases;
    this.#compile();
  }

  #compile(): void {
    const { replacements, blocked } = this.#rules;
    this.#compiled = compileChecked('event', { replacements: [...replacements, ...this.#shown], blocked }, this.#log);
  }
}
