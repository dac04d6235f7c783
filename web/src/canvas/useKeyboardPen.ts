/** Drawing without a pointer: arrows move the pen, Space puts it down and lifts it. */

import { type KeyboardEvent, useState } from "react";
import type { Point } from "./document";
import type { Hand } from "./usePointers";

const STEP = 0.02;
const FINE = 0.004;
const MOVES: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export interface KeyboardPen {
  x: number;
  y: number;
  down: boolean;
  shown: boolean;
}

const within = (value: number) => Math.min(1, Math.max(0, value));

/** The pen's place, and the handler for the page's keys. */
export function useKeyboardPen(hand: Hand) {
  const [pen, put] = useState<KeyboardPen>({ x: 0.5, y: 0.5, down: false, shown: false });

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (move) {
      const step = event.shiftKey ? FINE : STEP;
      const x = within(pen.x + move[0] * step);
      const y = within(pen.y + move[1] * step);
      if (pen.down) hand.move([[x, y, 0.5] satisfies Point]);
      put({ ...pen, x, y, shown: true });
    } else if (event.key === " ") {
      if (pen.down) hand.up();
      else hand.down([pen.x, pen.y, 0.5], false);
      put({ ...pen, down: !pen.down, shown: true });
    } else if (event.key === "Escape" && pen.down) {
      hand.drop();
      put({ ...pen, down: false });
    } else return;
    event.preventDefault();
  };

  const onBlur = () => {
    if (pen.down) hand.up();
    put({ ...pen, down: false, shown: false });
  };

  return { pen, onKeyDown, onBlur };
}
