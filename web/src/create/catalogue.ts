/** What the server offers; asked once per visit. */

import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client";
import type { Field } from "../api/types";

const forever = { staleTime: Number.POSITIVE_INFINITY };

export const useRecipes = () =>
  useQuery({ queryKey: ["recipes"], queryFn: api.recipes, ...forever });
export const usePresets = () =>
  useQuery({ queryKey: ["presets"], queryFn: api.presets, ...forever });
export const useModels = () =>
  useQuery({ queryKey: ["models"], queryFn: api.models, staleTime: 60_000 });

/** Fields that have a place of their own and are not shown among the dials. */
const ELSEWHERE = ["recipe", "prompt", "source", "target", "seed"];

/** Fields shown among the dials, in the schema's order; a model is one of them where it is a choice of few. */
export const dialsOf = (
  properties: Record<string, Field>,
  level: "basic" | "advanced",
): [string, Field][] =>
  Object.entries(properties).filter(
    ([name, field]) =>
      !ELSEWHERE.includes(name) &&
      (name !== "model" || field.enum !== undefined) &&
      field.text !== undefined &&
      field.level === level,
  );

/** A field's own schema, looked up inside an optional one. */
export function innerOf(field: Field): { field: Field; optional: boolean } {
  const inner = field.anyOf?.find((each) => (each.type as string) !== "null");
  return {
    field: inner ? { ...inner, text: field.text, depends: field.depends, own: field.own } : field,
    optional: inner !== undefined,
  };
}
