/** Texts in the chosen language, with the plural forms that it needs. */

import type { Language } from "../api/types";
import { en, type FormKey, type Forms, forms, type Key } from "./en";
import { formsRu, ru } from "./ru";

const TEXTS: Record<Language, Record<Key, string>> = { en, ru };
const FORMS: Record<Language, Record<FormKey, Forms>> = { en: forms, ru: formsRu };

type Values = Record<string, string | number>;

const fill = (text: string, values: Values): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));

export interface Speech {
  language: Language;
  (key: Key, values?: Values): string;
  many: (key: FormKey, n: number, values?: Values) => string;
  duration: (seconds: number) => string;
}

export function speech(language: Language): Speech {
  const rules = new Intl.PluralRules(language);
  const many = (key: FormKey, n: number, values: Values = {}): string => {
    const choice = FORMS[language][key];
    return fill(choice[rules.select(n)] ?? choice.other, { n, ...values });
  };
  const say = (key: Key, values: Values = {}): string => fill(TEXTS[language][key], values);
  const duration = (seconds: number): string =>
    seconds < 90
      ? many("seconds", Math.max(1, Math.round(seconds)))
      : many("minutes", Math.round(seconds / 60));
  return Object.assign(say, { language, many, duration });
}

/** The browser's language when we speak it. */
export const guessLanguage = (): Language => (navigator.language.startsWith("ru") ? "ru" : "en");
