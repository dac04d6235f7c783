/** The JSON shapes of the REST API that the page reads. */

export type Language = "en" | "ru";
export type State = "queued" | "running" | "done" | "failed" | "cancelled";

export interface Words {
  label: string;
  help: string;
}
export type Texts = Record<Language, Words>;

/** One field of a recipe, as JSON schema with our words. */
export interface Field {
  type?: "string" | "number" | "integer" | "boolean";
  anyOf?: Field[];
  enum?: string[];
  const?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  level?: "basic" | "advanced" | "hidden";
  text?: Texts;
}

/** A picture that a recipe takes; `kind` says which layer of the drawing it comes from. */
export interface RecipeInput {
  name: string;
  kind: string;
  required: boolean;
  /** "person": a photo of somebody, who has to agree. */
  subject: "person" | null;
  text: Texts;
}

export interface Recipe {
  title: Texts;
  inputs: RecipeInput[];
  schema: { properties: Record<string, Field>; required?: string[] };
}
export type Recipes = Record<string, Recipe>;

export interface Preset {
  name: string;
  text: Texts;
  values: Record<string, unknown>;
}

export interface Model {
  name: string;
  title: string;
  licence: string;
  size_px: number;
  ready: boolean;
}

export interface Picture {
  id: string;
  job: string;
  seed: number;
  width: number;
  height: number;
  favourite: boolean;
  created_at: number;
}

/** A picture in the gallery, with the words it was made from. */
export interface Shown extends Picture {
  prompt: string;
}

export interface Job {
  id: string;
  recipe: string;
  params: Record<string, unknown>;
  inputs: Record<string, string>;
  state: State;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
  done: number;
  total: number;
  ahead: number | null;
  eta_s: number | null;
  notes: string[];
  images: Picture[];
  error: { code: string; detail: string } | null;
}

export interface Queue {
  queued: number;
  running: number;
  workers: number;
  paused: boolean;
}

export interface KeptFile {
  id: string;
  width: number;
  height: number;
  notes: string[];
}

export interface Session {
  owner: string;
  role: string;
  login: "none" | "required" | "done";
}

export const isOpen = (job: Job): boolean => job.state === "queued" || job.state === "running";
