/** A drawing as values: strokes on layers over at most two pictures. Lengths are shares of the page's side. */

export type Layer = "sketch" | "colour" | "mask";
export const LAYERS: readonly Layer[] = ["sketch", "colour", "mask"];

/** x, y and pressure, each in [0, 1]. */
export type Point = readonly [number, number, number];

export interface Stroke {
  layer: Layer;
  erases: boolean;
  size: number;
  colour: string;
  /** Whether the pressure was felt by a pen; else it is made up from the speed. */
  felt: boolean;
  /** Of even width, as lines of the examples are. */
  even?: boolean;
  points: readonly Point[];
}

/** `drawing` is a picture whose lines count; `photo` lies under the page to trace and does not count. */
export interface Drawing {
  strokes: readonly Stroke[];
  drawing: Blob | null;
  photo: Blob | null;
}

export const EMPTY: Drawing = { strokes: [], drawing: null, photo: null };

export const onLayer = (drawing: Drawing, layer: Layer): readonly Stroke[] =>
  drawing.strokes.filter((stroke) => stroke.layer === layer);

/** Whether anything is there that a recipe of sketches could follow. */
export const hasLines = (drawing: Drawing): boolean =>
  drawing.drawing !== null || drawing.strokes.some((s) => s.layer !== "mask" && !s.erases);

export const hasMask = (drawing: Drawing): boolean =>
  drawing.strokes.some((s) => s.layer === "mask" && !s.erases);

export const isEmpty = (drawing: Drawing): boolean =>
  drawing.strokes.length === 0 && drawing.drawing === null && drawing.photo === null;

/** The drawing without one layer's strokes (and, for the sketch, without its picture). */
export function clearLayer(drawing: Drawing, layer: Layer): Drawing {
  const strokes = drawing.strokes.filter((stroke) => stroke.layer !== layer);
  return { ...drawing, strokes, drawing: layer === "sketch" ? null : drawing.drawing };
}
