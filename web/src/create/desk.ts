/** Which desk a recipe's pictures lie on. */

import type { Recipe, Recipes } from "../api/types";
import type { Desk } from "../canvas/store";

export const deskOf = (recipe: Recipe): Desk =>
  recipe.inputs.some((input) => input.kind === "mask") ? "photo" : "drawing";

/** The recipe to go on with at a desk: the chosen one if it belongs there, else the first that does. */
export function recipeAt(desk: Desk, recipes: Recipes, chosen: string): string | undefined {
  const fits = ([, recipe]: [string, Recipe]) =>
    recipe.inputs.length > 0 && deskOf(recipe) === desk;
  const all = Object.entries(recipes).filter(fits);
  return (all.find(([name]) => name === chosen) ?? all[0])?.[0];
}
