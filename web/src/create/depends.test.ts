import { expect, test } from "vitest";
import type { Recipe } from "../api/types";
import { chosenFor, fieldsNow, keyOf } from "./depends";

const recipe: Recipe = {
  title: { en: { label: "", help: "" }, ru: { label: "", help: "" } },
  inputs: [],
  schema: {
    properties: {
      model: { type: "string", enum: ["a", "b"], default: "a" },
      label: {
        default: "all",
        depends: { on: "model", choices: { a: ["all", "cat"], b: ["all"] } },
      },
      guidance: { type: "number", depends: { on: "model", only: ["b"] } },
      n: { type: "integer", minimum: 1, maximum: 100, default: 10 },
    },
  },
};

test("choices and fields follow the model", () => {
  const first = fieldsNow("classes", recipe, {});
  expect(first.label?.enum).toEqual(["all", "cat"]);
  expect(first.guidance).toBeUndefined();
  const second = fieldsNow("classes", recipe, { "classes.model": "b" });
  expect(second.label?.enum).toEqual(["all"]);
  expect(second.guidance).toBeDefined();
});

test("a choice that there is not counts as none, a number is kept within its bounds", () => {
  const { label, n, model } = fieldsNow("classes", recipe, {});
  if (!label || !n || !model) throw new Error("fields are missing");
  expect(chosenFor("classes", "label", label, { "classes.label": "cat" })).toBe("cat");
  expect(chosenFor("classes", "label", label, { "classes.label": "dog" })).toBeUndefined();
  expect(chosenFor("classes", "model", model, { model: "mini" })).toBeUndefined();
  expect(chosenFor("classes", "n", n, { n: 900 })).toBe(100);
});

test("what is offered is chosen until somebody chooses otherwise", () => {
  const upscale = { type: "boolean" as const, default: false, offered: true };
  expect(chosenFor("text_to_image", "upscale", upscale, {})).toBe(true);
  expect(chosenFor("text_to_image", "upscale", upscale, { upscale: false })).toBe(false);
});

test("choices of one recipe are not another's", () => {
  expect(keyOf("classes", "model", recipe.schema.properties.model)).toBe("classes.model");
  expect(keyOf("text_to_image", "model", { type: "string" })).toBe("model");
  expect(keyOf("text_to_image", "n", recipe.schema.properties.n)).toBe("n");
});
