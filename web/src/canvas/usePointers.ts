/** Pointer events as strokes of one pen, and as pinches of two fingers. */

import { type PointerEvent, useRef } from "react";
import type { Point } from "./document";

export interface Hand {
  down: (point: Point, felt: boolean) => void;
  move: (points: readonly Point[]) => void;
  up: () => void;
  drop: () => void;
  pinch: (factor: number, x: number, y: number, dx: number, dy: number) => void;
}

type Event = PointerEvent<HTMLElement>;
interface Finger {
  x: number;
  y: number;
}

/** Handlers for the element that shows the page; points are shares of its box. */
export function usePointers(hand: Hand) {
  const fingers = useRef(new Map<number, Finger>());
  const drawing = useRef<number | null>(null);

  const at = (
    event: { clientX: number; clientY: number; pressure: number },
    box: DOMRect,
  ): Point => [
    (event.clientX - box.left) / box.width,
    (event.clientY - box.top) / box.height,
    event.pressure || 0.5,
  ];

  const down = (event: Event) => {
    if (event.button !== 0) return;
    // a captured pointer keeps drawing outside the page
    event.currentTarget.setPointerCapture?.(event.pointerId);
    fingers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (event.pointerType === "touch" && fingers.current.size > 1) {
      if (drawing.current !== null) hand.drop();
      drawing.current = null;
      return;
    }
    event.preventDefault();
    event.currentTarget.focus({ preventScroll: true });
    drawing.current = event.pointerId;
    hand.down(at(event, event.currentTarget.getBoundingClientRect()), event.pointerType === "pen");
  };

  const move = (event: Event) => {
    const finger = fingers.current.get(event.pointerId);
    if (!finger) return;
    if (drawing.current === event.pointerId) {
      const box = event.currentTarget.getBoundingClientRect();
      const native = event.nativeEvent;
      const all = native.getCoalescedEvents?.() ?? [];
      hand.move((all.length > 0 ? all : [native]).map((each) => at(each, box)));
    } else if (fingers.current.size === 2) {
      const [other] = [...fingers.current]
        .filter(([id]) => id !== event.pointerId)
        .map(([, f]) => f);
      if (!other) return;
      const before = Math.hypot(finger.x - other.x, finger.y - other.y);
      const after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      hand.pinch(
        after / Math.max(1, before),
        (event.clientX + other.x) / 2,
        (event.clientY + other.y) / 2,
        (event.clientX - finger.x) / 2,
        (event.clientY - finger.y) / 2,
      );
    }
    fingers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
  };

  const up = (event: Event) => {
    fingers.current.delete(event.pointerId);
    if (drawing.current !== event.pointerId) return;
    drawing.current = null;
    if (event.type === "pointercancel") hand.drop();
    else hand.up();
  };

  return { onPointerDown: down, onPointerMove: move, onPointerUp: up, onPointerCancel: up };
}
