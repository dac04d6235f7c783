import { describe, expect, it } from "vitest";
import { EMPTY, type Stroke } from "../canvas/document";
import { saysSomething, withStroke } from "./sketch";

const line = (to: number, more: Partial<Stroke> = {}): Stroke => ({
  layer: "sketch",
  erases: false,
  size: 0.01,
  colour: "#000",
  felt: false,
  points: [
    [0.1, 0.1, 0.5],
    [0.1 + to, 0.1, 0.5],
  ],
  ...more,
});
const drawn = (...strokes: Stroke[]) => ({ ...EMPTY, strokes });

describe("what is worth a live picture", () => {
  it("is a line, several short ones, or an opened picture", () => {
    expect(saysSomething(drawn(line(0.5)))).toBe(true);
    expect(saysSomething(drawn(line(0.04), line(0.04)))).toBe(true);
    expect(saysSomething({ ...EMPTY, drawing: new Blob() })).toBe(true);
  });

  it("is no empty page, no dot, no mask and no eraser", () => {
    expect(saysSomething(EMPTY)).toBe(false);
    expect(saysSomething(drawn(line(0)))).toBe(false);
    expect(saysSomething(drawn(line(0.5, { layer: "mask" })))).toBe(false);
    expect(saysSomething(drawn(line(0.5, { erases: true })))).toBe(false);
  });

  it("follows the line under the pen", () => {
    expect(saysSomething(withStroke(EMPTY, line(0.5)))).toBe(true);
    expect(withStroke(EMPTY, line(0.5, { layer: "mask" }))).toBe(EMPTY);
    expect(withStroke(EMPTY, null)).toBe(EMPTY);
  });
});
