/** Fields that hang on other fields: which there are now, with which choices, and what is chosen. */

import type { Field, Recipe } from "../api/types";

type Values = Record<string, unknown>;

/** Where a field's value is kept: choices that only one recipe knows are kept for that recipe. */
export const keyOf = (recipe: string, name: string, field: Field | undefined): string =>
  field?.depends || field?.own || (name === "model" && field?.enum) ? `${recipe}.${name}` : name;

/** What is chosen for a field, or offered; a choice that there is not (any more) counts as none. */
export function chosenFor(recipe: string, name: string, field: Field, values: Values): unknown {
  const value = values[keyOf(recipe, name, field)] ?? field.offered;
  if (field.enum && !field.enum.includes(value as string)) return undefined;
  if (typeof value !== "number") return value;
  return Math.min(Math.max(value, field.minimum ?? value), field.maximum ?? value);
}

/** The recipe's fields as they are with these values; what the choice made does not have is left out. */
export function fieldsNow(name: string, recipe: Recipe, values: Values): Record<string, Field> {
  const all = recipe.schema.properties;
  const now: Record<string, Field> = {};
  for (const [field, schema] of Object.entries(all)) {
    const { depends } = schema;
    const on = depends && all[depends.on];
    if (!depends || !on) {
      now[field] = schema;
      continue;
    }
    const chosen = String(chosenFor(name, depends.on, on, values) ?? on.default);
    if (depends.only && !depends.only.includes(chosen)) continue;
    now[field] = depends.choices ? { ...schema, enum: depends.choices[chosen] } : schema;
  }
  return now;
}
