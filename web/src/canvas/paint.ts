/** Draws a `Drawing` onto canvases. Layers are kept as bitmaps, so that a new stroke costs one stroke. */

import { getStroke } from "perfect-freehand";
import { type Drawing, LAYERS, type Layer, onLayer, type Stroke } from "./document";

export const SIDE = 1024;
export const INK = "#14110f";
const MASK = "#17777f";

/** The filled outline of a stroke on a page of `side` pixels. */
export function outline(stroke: Stroke, side: number): Path2D {
  const options = {
    size: stroke.size * side,
    thinning: stroke.even ? 0 : stroke.felt ? 0.7 : 0.25,
    smoothing: 0.5,
    streamline: stroke.even ? 0 : 0.35,
    simulatePressure: !stroke.felt && !stroke.even,
    last: true,
  };
  const edge = getStroke(
    stroke.points.map(([x, y, pressure]) => [x * side, y * side, pressure]),
    options,
  );
  const path = new Path2D();
  edge.forEach(([x = 0, y = 0], i) => {
    const [nextX = 0, nextY = 0] = edge[(i + 1) % edge.length] ?? [];
    if (i === 0) path.moveTo((x + nextX) / 2, (y + nextY) / 2);
    else path.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  });
  path.closePath();
  return path;
}

function paintStroke(context: CanvasRenderingContext2D, stroke: Stroke): void {
  context.save();
  context.globalCompositeOperation = stroke.erases ? "destination-out" : "source-over";
  context.fillStyle =
    stroke.layer === "sketch" ? INK : stroke.layer === "mask" ? MASK : stroke.colour;
  context.fill(outline(stroke, context.canvas.width));
  context.restore();
}

export function blank(side: number): CanvasRenderingContext2D {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser has no 2D canvas");
  return context;
}

/** Where a picture lies when it is fitted into the square page. */
export function placeOf(
  width: number,
  height: number,
  side: number,
): [number, number, number, number] {
  const scale = side / Math.max(width, height);
  const [w, h] = [width * scale, height * scale];
  return [(side - w) / 2, (side - h) / 2, w, h];
}

/** The colour of a picture's corners, so that the margin around a photographed page is no edge. */
export function cornerColour(picture: ImageBitmap): string {
  const context = blank(2);
  const { width, height } = picture;
  for (const [i, x, y] of [
    [0, 0, 0],
    [1, width - 1, 0],
    [2, 0, height - 1],
    [3, width - 1, height - 1],
  ] as const)
    context.drawImage(picture, x, y, 1, 1, i % 2, i >> 1, 1, 1);
  const data = context.getImageData(0, 0, 2, 2).data;
  const mean = (c: number) =>
    Math.round(
      ((data[c] ?? 0) + (data[c + 4] ?? 0) + (data[c + 8] ?? 0) + (data[c + 12] ?? 0)) / 4,
    );
  return `rgb(${mean(0)} ${mean(1)} ${mean(2)})`;
}

export function placePicture(context: CanvasRenderingContext2D, picture: ImageBitmap): void {
  const side = context.canvas.width;
  context.fillStyle = cornerColour(picture);
  context.fillRect(0, 0, side, side);
  context.drawImage(picture, ...placeOf(picture.width, picture.height, side));
}

interface Kept {
  context: CanvasRenderingContext2D;
  strokes: readonly Stroke[];
}

export interface Shown {
  hidden: readonly string[];
  photoOpacity: number;
}

/** The visible page: paper, photo, drawing, colours, lines and the mask over all. */
export class Painter {
  private readonly kept = new Map<Layer, Kept>();
  private scratch: CanvasRenderingContext2D | null = null;

  /** Paint everything; `live` is the stroke being drawn. */
  paint(
    context: CanvasRenderingContext2D,
    drawing: Drawing,
    pictures: { drawing: ImageBitmap | null; photo: ImageBitmap | null },
    shown: Shown,
    live: Stroke | null,
  ): void {
    const side = context.canvas.width;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, side, side);
    if (pictures.drawing && !shown.hidden.includes("sketch"))
      placePicture(context, pictures.drawing);
    if (pictures.photo && !shown.hidden.includes("photo")) {
      context.globalAlpha = shown.photoOpacity;
      context.drawImage(
        pictures.photo,
        ...placeOf(pictures.photo.width, pictures.photo.height, side),
      );
      context.globalAlpha = 1;
    }
    for (const layer of ["colour", "sketch", "mask"] as const) {
      if (shown.hidden.includes(layer)) continue;
      context.globalAlpha = layer === "mask" ? 0.4 : 1;
      context.drawImage(this.layer(drawing, layer, side, live).canvas, 0, 0);
      context.globalAlpha = 1;
    }
  }

  private layer(
    drawing: Drawing,
    layer: Layer,
    side: number,
    live: Stroke | null,
  ): CanvasRenderingContext2D {
    const strokes = onLayer(drawing, layer);
    let kept = this.kept.get(layer);
    const goesOn = kept?.strokes.every((stroke, i) => stroke === strokes[i]) ?? false;
    if (!kept || kept.context.canvas.width !== side) kept = { context: blank(side), strokes: [] };
    else if (!goesOn) {
      kept.context.clearRect(0, 0, side, side);
      kept.strokes = [];
    }
    for (const stroke of strokes.slice(kept.strokes.length)) paintStroke(kept.context, stroke);
    kept.strokes = strokes;
    this.kept.set(layer, kept);
    if (live?.layer !== layer) return kept.context;
    this.scratch ??= blank(side);
    this.scratch.clearRect(0, 0, side, side);
    this.scratch.drawImage(kept.context.canvas, 0, 0);
    paintStroke(this.scratch, live);
    return this.scratch;
  }
}

/** Strokes of the given layers on a transparent page. */
export function paintLayers(
  drawing: Drawing,
  layers: readonly Layer[],
  side: number,
): HTMLCanvasElement {
  const page = blank(side);
  for (const layer of LAYERS.toReversed().filter((l) => layers.includes(l))) {
    const one = blank(side);
    for (const stroke of onLayer(drawing, layer)) paintStroke(one, stroke);
    page.drawImage(one.canvas, 0, 0);
  }
  return page.canvas;
}
