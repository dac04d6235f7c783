/** Pictures that people hand in: made small before they cost memory, decoded once. */

const MOST_SIDE = 2048;
const decoded = new WeakMap<Blob, Promise<ImageBitmap>>();

/** A picture file as a PNG or JPEG of at most 2048 px a side, upright. */
export async function intake(file: Blob): Promise<Blob> {
  const whole = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, MOST_SIDE / Math.max(whole.width, whole.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(whole.width * scale));
  canvas.height = Math.max(1, Math.round(whole.height * scale));
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser has no 2D canvas");
  context.imageSmoothingQuality = "high";
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return toBlob(canvas);
}

export function bitmapOf(picture: Blob): Promise<ImageBitmap> {
  let bitmap = decoded.get(picture);
  if (!bitmap) {
    bitmap = createImageBitmap(picture);
    decoded.set(picture, bitmap);
  }
  return bitmap;
}

export function toBlob(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("the canvas is empty"))),
      "image/png",
    ),
  );
}
