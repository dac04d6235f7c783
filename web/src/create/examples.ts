/** Sketches to begin with: strokes, so that they can be changed, and the words that go with them. */

import type { Language } from "../api/types";
import type { Drawing, Point, Stroke } from "../canvas/document";
import { EMPTY } from "../canvas/document";
import lines from "./examples.json";

interface Example {
  name: keyof typeof lines;
  prompt: string;
  label: Record<Language, string>;
}

export const EXAMPLES: readonly Example[] = [
  { name: "giraffe", prompt: "a photo of a giraffe", label: { en: "Giraffe", ru: "Жираф" } },
  { name: "elephant", prompt: "a photo of an elephant", label: { en: "Elephant", ru: "Слон" } },
  { name: "guitar", prompt: "a photo of a guitar", label: { en: "Guitar", ru: "Гитара" } },
  { name: "house", prompt: "a photo of a house", label: { en: "House", ru: "Дом" } },
  { name: "horse", prompt: "a photo of a horse", label: { en: "Horse", ru: "Лошадь" } },
  { name: "dog", prompt: "a photo of a dog", label: { en: "Dog", ru: "Собака" } },
  { name: "cat", prompt: "a photo of a cat", label: { en: "Cat", ru: "Кошка" } },
  { name: "face", prompt: "a photo of a person", label: { en: "Face", ru: "Лицо" } },
];

/** Words for a picture without a sketch. */
export const IDEAS: readonly { prompt: string; label: Record<Language, string> }[] = [
  { prompt: "a photo of a house", label: { en: "a photo of a house", ru: "фото дома" } },
  {
    prompt: "a painting of a guitar",
    label: { en: "a painting of a guitar", ru: "гитара маслом" },
  },
  { prompt: "a photo of an elephant", label: { en: "a photo of an elephant", ru: "фото слона" } },
  { prompt: "a photo of a person", label: { en: "a photo of a person", ru: "фото человека" } },
  {
    prompt: "a painting of a giraffe",
    label: { en: "a painting of a giraffe", ru: "жираф маслом" },
  },
];

/** An example as a drawing. */
export function drawingOf(name: keyof typeof lines): Drawing {
  const strokes = lines[name].map(
    ({ size, points }): Stroke => ({
      layer: "sketch",
      erases: false,
      size,
      colour: "",
      felt: false,
      even: true,
      points: points.map(([x = 0, y = 0]): Point => [x, y, 0.5]),
    }),
  );
  return { ...EMPTY, strokes };
}
