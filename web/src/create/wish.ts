/** What is on the page as a job for the API. */

import { api } from "../api/client";
import type { Job, Recipe } from "../api/types";
import type { Drawing } from "../canvas/document";
import { exportFor } from "../canvas/exports";
import { innerOf } from "./catalogue";
import { hasConsent, needsConsent, takesPeople } from "./consent";
import { chosenFor, fieldsNow } from "./depends";

export type Missing = "needPrompt" | "needWish" | "needLines" | "needPhoto" | "needConsent";

export class MissingError extends Error {
  constructor(readonly key: Missing) {
    super(key);
  }
}

export interface Settings {
  name: string;
  recipe: Recipe;
  values: Record<string, unknown>;
  /** Values that hold for this job only. */
  once?: Record<string, unknown>;
}

/** A first seed that leaves room for the seeds after it. */
export const freshSeed = (): number => Math.floor(Math.random() * 2 ** 31);

/** Hand in the pictures that the recipe takes, then the job. */
export async function send(
  { name, recipe, values, once = {} }: Settings,
  drawing: Drawing,
): Promise<Job> {
  const wish: Record<string, unknown> = { recipe: name };
  const fields = fieldsNow(name, recipe, values);
  for (const [field, schema] of Object.entries(fields)) {
    // a hidden choice is made by a preset; hidden numbers are for who writes to the API
    if (field === "recipe" || (schema.level === "hidden" && !schema.enum)) continue;
    const value = once[field] ?? chosenFor(name, field, innerOf(schema).field, values);
    if (value !== undefined && value !== null && value !== "") wish[field] = value;
  }
  if (fields.prompt && (typeof wish.prompt !== "string" || wish.prompt.trim() === ""))
    throw new MissingError("needPrompt");
  if (fields.target && (typeof wish.target !== "string" || wish.target.trim() === ""))
    throw new MissingError("needWish");
  const agreed = takesPeople(recipe) !== null && hasConsent(drawing);
  if (needsConsent(recipe, drawing) && !agreed) throw new MissingError("needConsent");
  const inputs: Record<string, string> = {};
  for (const input of recipe.inputs) {
    const picture = await exportFor(input.kind, drawing);
    if (picture) inputs[input.name] = (await api.keep(picture)).id;
    else if (input.required)
      throw new MissingError(input.kind === "sketch" ? "needLines" : "needPhoto");
  }
  if (agreed) wish.consent = true;
  return api.draw(recipe.inputs.length > 0 ? { ...wish, inputs } : wish);
}
