/** The drawing on the page, its history and the tool in hand; kept in the browser between visits. */

import { get, set } from "idb-keyval";
import { create } from "zustand";
import { clearLayer, type Drawing, EMPTY, type Layer, type Stroke } from "./document";
import { begin, change, type History, redo, undo } from "./history";

export type Tool = "pen" | "eraser";

interface State {
  history: History<Drawing>;
  layer: Layer;
  tool: Tool;
  size: number;
  colour: string;
  hidden: readonly string[];
  photoOpacity: number;
  edit: (drawing: Drawing) => void;
  add: (stroke: Stroke) => void;
  undo: () => void;
  redo: () => void;
  clear: (layer?: Layer) => void;
  hold: (tool: Partial<Pick<State, "layer" | "tool" | "size" | "colour" | "photoOpacity">>) => void;
  toggle: (layer: string) => void;
}

const KEY = "palitra-drawing";

export const useDrawing = create<State>((put) => ({
  history: begin(EMPTY),
  layer: "sketch",
  tool: "pen",
  size: 0.012,
  colour: "#e4572e",
  hidden: [],
  photoOpacity: 0.5,
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

/** Bring back the drawing of the last visit and keep it from now on. */
export async function keepDrawing(): Promise<void> {
  try {
    const kept = await get<Drawing>(KEY);
    const untouched = useDrawing.getState().history.now === EMPTY;
    if (kept && untouched) useDrawing.setState({ history: begin(kept) });
  } catch {
    // a browser that forbids storage still draws
    return;
  }
  let timer = 0;
  useDrawing.subscribe((state, before) => {
    if (state.history.now === before.history.now) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void set(KEY, state.history.now).catch(() => {}), 300);
  });
}
