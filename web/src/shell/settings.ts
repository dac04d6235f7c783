/** What the page remembers of its user: language, theme, recipe, words, dials; kept in the browser. */

import { create } from "zustand";
import { persist } from "zustand/middleware";
import { speak } from "../api/client";
import type { Language } from "../api/types";
import { guessLanguage, type Speech, speech } from "../i18n/text";

export type Theme = "auto" | "light" | "dark";

interface Settings {
  language: Language;
  theme: Theme;
  recipe: string;
  preset: string;
  values: Record<string, unknown>;
  seedLocked: boolean;
  /** Whether the picture follows the drawing. */
  live: boolean;
  job: string | null;
  put: (settings: Partial<Omit<Settings, "put" | "dial">>) => void;
  dial: (name: string, value: unknown) => void;
}

export const useSettings = create<Settings>()(
  persist(
    (put) => ({
      language: guessLanguage(),
      theme: "auto",
      recipe: "sketch_to_image",
      preset: "normal",
      values: {},
      seedLocked: false,
      live: false,
      job: null,
      put: (settings) => put(settings),
      dial: (name, value) => put((state) => ({ values: { ...state.values, [name]: value } })),
    }),
    { name: "palitra-settings", version: 1 },
  ),
);

const voices: Partial<Record<Language, Speech>> = {};

/** Texts in the user's language. */
export function useSpeech(): Speech {
  const language = useSettings((settings) => settings.language);
  voices[language] ??= speech(language);
  return voices[language];
}

/** Keep the document's language and colours as the settings say. */
export function dressDocument(): void {
  const dress = ({ language, theme }: Settings) => {
    speak(language);
    document.documentElement.lang = language;
    document.documentElement.dataset.theme = theme;
  };
  dress(useSettings.getState());
  useSettings.subscribe(dress);
}
