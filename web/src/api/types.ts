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
  /** What people's forms begin with, where that is not the default. */
  offered?: unknown;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  level?: "basic" | "advanced" | "hidden";
  text?: Texts;
  /** How to show values of `enum`, by language; others are shown themselves. */
  titles?: Record<Language, Record<string, string>>;
  /** Words for the values of `enum`. */
  choices?: Record<string, Texts>;
  depends?: Depends;
  /** What is chosen holds for this recipe only. */
  own?: boolean;
}

/** What another field's value makes of this one: its choices, or that `only` some values have it. */
export interface Depends {
  on: string;
  choices?: Record<string, string[]>;
  only?: string[];
}

/** A picture that a recipe takes; `kind` says what of the drawing or of the photo it is made from. */
export interface RecipeInput {
  name: string;
  kind: string;
  required: boolean;
  /** "person": a photo of somebody, who has to agree; "anybody": it may be one. */
  subject: "person" | "anybody" | null;
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
  kind: "picture" | "sheet" | "part";
  /** Of an edit: its wish. */
  name: string | null;
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
  /** What was asked for, in a line. */
  title: string;
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
  /** Single pictures of its sheet; they are in the archive. */
  parts: number;
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
