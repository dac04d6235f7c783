/** The word that the people in a photo agree. It holds for one photo and is not kept between visits. */

import { create } from "zustand";
import type { Recipe } from "../api/types";
import type { Drawing } from "../canvas/document";
import { photoOf } from "../canvas/exports";

interface Consent {
  /** The photo that it was given for. */
  photo: Blob | null;
  give: (photo: Blob | null) => void;
}

export const useConsent = create<Consent>((put) => ({
  photo: null,
  give: (photo) => put({ photo }),
}));

/** Whether the recipe takes photos of people, by its schema: always, perhaps, or never. */
export const takesPeople = (recipe: Recipe): "person" | "anybody" | null =>
  recipe.inputs.find((input) => input.subject)?.subject ?? null;

/** Whether a wish would hand in a photo of somebody. */
export const needsConsent = (recipe: Recipe, drawing: Drawing): boolean =>
  takesPeople(recipe) === "person" && photoOf(drawing) !== null;

export const hasConsent = (drawing: Drawing): boolean => {
  const photo = photoOf(drawing);
  return photo !== null && useConsent.getState().photo === photo;
};
