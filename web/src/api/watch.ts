/** One job's events as they come; the browser reconnects by itself and the server goes on after the last one. */

import type { State } from "./types";

export interface Seen {
  state?: State;
  done?: number;
  total?: number;
  preview?: number;
  images: number;
  ended: boolean;
}

export const nothingSeen: Seen = { images: 0, ended: false };

/** Calls `tell` with everything seen so far after each event; returns a function that stops it. */
export function watch(job: string, tell: (seen: Seen) => void): () => void {
  const source = new EventSource(`/v1/jobs/${job}/events`);
  let seen: Seen = nothingSeen;
  const on = (kind: string, merge: (data: Record<string, unknown>, id: number) => Partial<Seen>) =>
    source.addEventListener(kind, (event) => {
      const data = JSON.parse(event.data) as Record<string, unknown>;
      seen = { ...seen, ...merge(data, Number(event.lastEventId)) };
      tell(seen);
      if (seen.ended) source.close();
    });
  on("state", (data) => ({ state: data.state as State }));
  on("progress", (data) => ({ done: Number(data.done), total: Number(data.total) }));
  on("preview", (_, id) => ({ preview: id }));
  on("image", () => ({ images: seen.images + 1 }));
  on("end", (data) => ({ state: data.state as State, ended: true }));
  return () => source.close();
}
