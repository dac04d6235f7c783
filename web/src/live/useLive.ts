/** The live picture of what is on the page. */

import { useEffect, useRef, useState } from "react";
import { useDrawing } from "../canvas/store";
import { freshSeed } from "../create/wish";
import { useSettings } from "../shell/settings";
import { Follower, nothingSeen, type Seen } from "./follower";
import { liveSketch, saysSomething, withStroke } from "./sketch";
import { useMoving } from "./stroke";

/** While a line is drawn, and while words are typed. */
const STROKE_MS = 80;
const WORDS_MS = 300;

const drawingNow = () => withStroke(useDrawing.getState().history.now, useMoving.getState().stroke);

/** What the drawing's newest picture is, and whether there is anything to draw. */
export function useLive(): { seen: Seen; blank: boolean } {
  const [seen, tell] = useState<Seen>(nothingSeen);
  const moved = useRef(performance.now());
  useEffect(() => {
    const follower = new Follower(
      {
        now: () => {
          const drawing = drawingNow();
          if (!saysSomething(drawing)) return null;
          const { prompt, seed } = useSettings.getState().values;
          return {
            sketch: () => liveSketch(drawing),
            prompt: String(prompt ?? "").trim(),
            seed: Number(seed ?? 0),
            moved: moved.current,
          };
        },
      },
      tell,
    );
    // the same seed from stroke to stroke: without one, every picture would be another
    const { values, dial } = useSettings.getState();
    if (values.seed === undefined) dial("seed", freshSeed());
    const stops = [
      useMoving.subscribe((now) => {
        if (!now.stroke) return;
        moved.current = now.moved;
        follower.change(STROKE_MS, false);
      }),
      useDrawing.subscribe((now, before) => {
        if (now.history.now === before.history.now || now.desk !== "drawing") return;
        moved.current = performance.now();
        follower.change(0, true);
      }),
      useSettings.subscribe((now, before) => {
        const same = (field: string) => now.values[field] === before.values[field];
        if (same("prompt") && same("seed")) return;
        moved.current = performance.now();
        follower.change(WORDS_MS, true, true);
      }),
    ];
    follower.change(0, true);
    return () => {
      for (const stop of stops) stop();
      follower.stop();
    };
  }, []);
  const blank = useDrawing((state) => !saysSomething(state.history.now));
  return { seen, blank: blank && seen.picture === null };
}
