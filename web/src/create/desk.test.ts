import { expect, test } from "vitest";
import type { Recipe, RecipeInput } from "../api/types";
import { deskOf, recipeAt } from "./desk";

const words = { en: { label: "", help: "" }, ru: { label: "", help: "" } };
const recipe = (...kinds: string[]): Recipe => ({
  title: words,
  inputs: kinds.map(
    (kind): RecipeInput => ({ name: kind, kind, required: true, subject: null, text: words }),
  ),
  schema: { properties: {} },
});
const recipes = {
  words: recipe(),
  sketch: recipe("sketch", "map"),
  portrait: recipe("photo", "map"),
  edit: recipe("photo", "mask"),
};

test("a mask makes it the photo's desk", () => {
  expect(deskOf(recipes.edit)).toBe("photo");
  expect(deskOf(recipes.portrait)).toBe("drawing");
});

test("the chosen recipe stays where it fits", () => {
  expect(recipeAt("drawing", recipes, "portrait")).toBe("portrait");
  expect(recipeAt("drawing", recipes, "words")).toBe("sketch");
  expect(recipeAt("photo", recipes, "sketch")).toBe("edit");
  expect(recipeAt("photo", { words: recipes.words }, "words")).toBeUndefined();
});
