/** What part of the page is seen: wheel with Ctrl, pinch and buttons zoom, the wheel alone moves. */

import { type RefObject, useCallback, useEffect, useState } from "react";

export interface View {
  scale: number;
  x: number;
  y: number;
}

const WHOLE: View = { scale: 1, x: 0, y: 0 };
const MOST = 8;

function held(view: View, width: number, height: number): View {
  const scale = Math.min(MOST, Math.max(1, view.scale));
  const bound = (value: number, size: number) => Math.min(0, Math.max(size * (1 - scale), value));
  return { scale, x: bound(view.x, width), y: bound(view.y, height) };
}

export function useView(frame: RefObject<HTMLElement | null>) {
  const [view, put] = useState(WHOLE);

  /** Zoom about a point of the window, by default the middle. */
  const zoom = useCallback(
    (factor: number, clientX?: number, clientY?: number) => {
      const box = frame.current?.getBoundingClientRect();
      if (!box) return;
      put((old) => {
        const scale = Math.min(MOST, Math.max(1, old.scale * factor));
        const px = clientX === undefined ? box.width / 2 : clientX - box.left;
        const py = clientY === undefined ? box.height / 2 : clientY - box.top;
        const k = scale / old.scale;
        return held(
          { scale, x: px - (px - old.x) * k, y: py - (py - old.y) * k },
          box.width,
          box.height,
        );
      });
    },
    [frame],
  );

  const pan = useCallback(
    (dx: number, dy: number) => {
      const box = frame.current?.getBoundingClientRect();
      if (box) put((old) => held({ ...old, x: old.x + dx, y: old.y + dy }, box.width, box.height));
    },
    [frame],
  );

  useEffect(() => {
    const element = frame.current;
    const wheel = (event: WheelEvent) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        zoom(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
      } else if (view.scale > 1) {
        event.preventDefault();
        pan(-event.deltaX, -event.deltaY);
      }
    };
    // React's own wheel handlers may not hold the page still
    element?.addEventListener("wheel", wheel, { passive: false });
    return () => element?.removeEventListener("wheel", wheel);
  }, [frame, zoom, pan, view.scale]);

  return { view, zoom, pan, reset: () => put(WHOLE) };
}
