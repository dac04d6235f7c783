/** Calls of a participant; pictures are named by chance, so nothing here knows of arms. */

import { call } from "../api/client";

export type Choice = "left" | "right" | "equal";
export const QUESTIONS = ["edit", "structure"] as const;
export type Question = (typeof QUESTIONS)[number];
export type Choices = Record<Question, Choice>;

export interface Study {
  name: string;
  title: string;
  open: boolean;
  equal: boolean;
  total: number;
  joined: boolean;
}
export interface Pair {
  place: number;
  source: string;
  target: string;
  target_ru: string;
  photo: string;
  left: string;
  right: string;
}
export interface Turn {
  done: number;
  total: number;
  pair: Pair | null;
  ahead: Pair | null;
}

const at = (study: string, rest = ""): string => `/v1/studies/${encodeURIComponent(study)}${rest}`;

export const calls = {
  study: (name: string) => call<Study>("GET", at(name)),
  begin: (name: string) => call<Turn>("POST", at(name, "/participants")),
  next: (name: string) => call<Turn>("GET", at(name, "/next")),
  answer: (name: string, place: number, choices: Choices) =>
    call<Turn>("POST", at(name, "/answers"), { place, ...choices }),
};

export const pictureAt = (study: string, picture: string): string =>
  at(study, `/pictures/${picture}`);
