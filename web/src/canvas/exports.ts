/** What a recipe's inputs are made of, by their kind. */

import { type Drawing, hasLines, hasMask } from "./document";
import { blank, paintLayers, placePicture } from "./paint";
import { bitmapOf, toBlob } from "./pictures";

const SIDE = 768;

/** The picture that counts as a photo, not only as lines or to trace. */
export const photoOf = (drawing: Drawing): Blob | null => drawing.photo ?? drawing.drawing;

/** The picture for an input of this kind, or null when the drawing has none. */
export async function exportFor(kind: string, drawing: Drawing): Promise<Blob | null> {
  if (kind === "sketch") return hasLines(drawing) ? sketch(drawing) : null;
  if (kind === "map") return hasMask(drawing) ? strictness(drawing) : null;
  if (kind === "mask")
    return hasMask(drawing) && drawing.photo ? mask(drawing, drawing.photo) : null;
  return photoOf(drawing);
}

async function sketch(drawing: Drawing): Promise<Blob> {
  const strokes = drawing.strokes.some((stroke) => stroke.layer !== "mask");
  if (drawing.drawing && !strokes) return drawing.drawing;
  const page = blank(SIDE);
  page.fillStyle = "#fff";
  page.fillRect(0, 0, SIDE, SIDE);
  if (drawing.drawing) placePicture(page, await bitmapOf(drawing.drawing));
  page.drawImage(paintLayers(drawing, ["colour", "sketch"], SIDE), 0, 0);
  return toBlob(page.canvas);
}

/** White binds to the lines; what was painted free is black. */
async function strictness(drawing: Drawing): Promise<Blob> {
  const page = blank(SIDE);
  page.drawImage(paintLayers(drawing, ["mask"], SIDE), 0, 0);
  page.globalCompositeOperation = "source-in";
  page.fillStyle = "#000";
  page.fillRect(0, 0, SIDE, SIDE);
  page.globalCompositeOperation = "destination-over";
  page.fillStyle = "#fff";
  page.fillRect(0, 0, SIDE, SIDE);
  return toBlob(page.canvas);
}

/** Of the photo's size: what was painted is white and may change, the rest is black. */
async function mask(drawing: Drawing, photo: Blob): Promise<Blob> {
  const { width, height } = await bitmapOf(photo);
  const side = Math.max(width, height);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const page = canvas.getContext("2d");
  if (page === null) throw new Error("this browser has no 2D canvas");
  const painted = paintLayers(drawing, ["mask"], side);
  page.drawImage(painted, (width - side) / 2, (height - side) / 2);
  page.globalCompositeOperation = "source-in";
  page.fillStyle = "#fff";
  page.fillRect(0, 0, width, height);
  page.globalCompositeOperation = "destination-over";
  page.fillStyle = "#000";
  page.fillRect(0, 0, width, height);
  return toBlob(canvas);
}
