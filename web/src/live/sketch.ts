/** The drawing as the live lane takes it: small, black on white, with the line under the pen. */

import type { Drawing, Stroke } from "../canvas/document";
import { blank, paintLayers, placePicture } from "../canvas/paint";
import { bitmapOf, toBlob } from "../canvas/pictures";

const SIDE = 256;
/** Of the page's side: together shorter lines say nothing yet. */
const SHORTEST = 0.06;

/** The drawing with the line under the pen, as long as that is no part of a mask. */
export function withStroke(drawing: Drawing, stroke: Stroke | null): Drawing {
  return stroke && stroke.layer !== "mask"
    ? { ...drawing, strokes: [...drawing.strokes, stroke] }
    : drawing;
}

/** Whether there is more than a dot to follow. */
export function saysSomething(drawing: Drawing): boolean {
  if (drawing.drawing !== null) return true;
  let length = 0;
  for (const stroke of drawing.strokes) {
    if (stroke.layer === "mask" || stroke.erases) continue;
    stroke.points.forEach(([x, y], i) => {
      const [beforeX, beforeY] = stroke.points[i - 1] ?? [x, y];
      length += Math.hypot(x - beforeX, y - beforeY);
    });
    if (length >= SHORTEST) return true;
  }
  return false;
}

export async function liveSketch(drawing: Drawing): Promise<Blob> {
  const page = blank(SIDE);
  page.fillStyle = "#fff";
  page.fillRect(0, 0, SIDE, SIDE);
  if (drawing.drawing) placePicture(page, await bitmapOf(drawing.drawing));
  page.drawImage(paintLayers(drawing, ["colour", "sketch"], SIDE), 0, 0);
  return toBlob(page.canvas);
}
