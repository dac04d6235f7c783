/** The line under the pen, for whoever wants to follow it before it is finished, and when it last moved. */

import { create } from "zustand";
import type { Stroke } from "../canvas/document";

interface Moving {
  stroke: Stroke | null;
  /** By the page's clock: the newest movement of pen, finger, mouse or keys. */
  moved: number;
}

export const useMoving = create<Moving>(() => ({ stroke: null, moved: 0 }));

/** Tell the line as it is now; null when it has ended. */
export const follow = (stroke: Stroke | null): void =>
  useMoving.setState({ stroke, moved: performance.now() });
