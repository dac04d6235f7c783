/** The drawing on the page, its history and the tool in hand; kept in the browser between visits. */

import { get, set } from "idb-keyval";
import { create } from "zustand";
import { clearLayer, type Drawing, EMPTY, type Layer, type Stroke } from "./document";
import { begin, change, type History, redo, undo } from "./history";

export type Tool = "pen" | "eraser";
/** What lies on the page: a drawing, or a photo to be changed with a mask over it. */
export type Desk = "drawing" | "photo";

interface State {
  desk: Desk;
  history: History<Drawing>;
  /** The other desk's. */
  away: History<Drawing>;
  layer: Layer;
  tool: Tool;
  size: number;
  colour: string;
  hidden: readonly string[];
  photoOpacity: number;
  go: (desk: Desk) => void;
  edit: (drawing: Drawing) => void;
  add: (stroke: Stroke) => void;
  undo: () => void;
  redo: () => void;
  clear: (layer?: Layer) => void;
  hold: (tool: Partial<Pick<State, "layer" | "tool" | "size" | "colour" | "photoOpacity">>) => void;
  toggle: (layer: string) => void;
}

const KEYS: Record<Desk, string> = { drawing: "palitra-drawing", photo: "palitra-photo" };

export const useDrawing = create<State>((put) => ({
  desk: "drawing",
  history: begin(EMPTY),
  away: begin(EMPTY),
  layer: "sketch",
  tool: "pen",
  size: 0.012,
  colour: "#e4572e",
  hidden: [],
  photoOpacity: 0.5,
  go: (desk) =>
    put((state) =>
      state.desk === desk
        ? {}
        : {
            desk,
            history: state.away,
            away: state.history,
            layer: desk === "photo" ? "mask" : "sketch",
            tool: "pen",
          },
    ),
  edit: (drawing) => put(({ history }) => ({ history: change(history, drawing) })),
  add: (stroke) =>
    put(({ history }) => ({
      history: change(history, { ...history.now, strokes: [...history.now.strokes, stroke] }),
    })),
  undo: () => put(({ history }) => ({ history: undo(history) })),
  redo: () => put(({ history }) => ({ history: redo(history) })),
  clear: (layer) =>
    put(({ history }) => ({
      history: change(history, layer ? clearLayer(history.now, layer) : EMPTY),
    })),
  hold: (tool) => put(tool),
  toggle: (layer) =>
    put(({ hidden }) => ({
      hidden: hidden.includes(layer) ? hidden.filter((h) => h !== layer) : [...hidden, layer],
    })),
}));

/** Bring back what lay on both desks at the last visit and keep it from now on. */
export async function keepDrawing(): Promise<void> {
  try {
    for (const desk of ["drawing", "photo"] as const) {
      const kept = await get<Drawing>(KEYS[desk]);
      const state = useDrawing.getState();
      const place = state.desk === desk ? "history" : "away";
      if (kept && state[place].now === EMPTY) useDrawing.setState({ [place]: begin(kept) });
    }
  } catch {
    // a browser that forbids storage still draws
    return;
  }
  const timers: Partial<Record<Desk, number>> = {};
  useDrawing.subscribe((state, before) => {
    if (state.desk !== before.desk || state.history.now === before.history.now) return;
    window.clearTimeout(timers[state.desk]);
    const keep = () => void set(KEYS[state.desk], state.history.now).catch(() => {});
    timers[state.desk] = window.setTimeout(keep, 300);
  });
}
