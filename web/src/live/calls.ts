/** The calls of the live lane. */

import { call, picture } from "../api/client";

export interface LiveLane {
  state: "off" | "starting" | "ready";
  model: string | null;
}

export interface Wish {
  sketch: Blob;
  prompt: string;
  seed: number;
  number: number;
}

/** Every window draws at a place of its own. */
const TAB = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
  byte.toString(16).padStart(2, "0"),
).join("");

export const laneNow = () => call<LiveLane>("GET", "/v1/live");

/** The picture of a drawing. */
export function drawLive({ sketch, prompt, seed, number }: Wish, signal: AbortSignal) {
  const form = new FormData();
  form.append("sketch", sketch, "sketch.png");
  form.append("tab", TAB);
  form.append("number", String(number));
  form.append("seed", String(seed));
  form.append("prompt", prompt);
  return picture("/v1/live", form, signal);
}
