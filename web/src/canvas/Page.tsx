import { useCallback, useEffect, useRef, useState } from "react";
import { follow } from "../live/stroke";
import { useSpeech } from "../shell/settings";
import type { Point, Stroke } from "./document";
import { Painter, SIDE } from "./paint";
import { bitmapOf } from "./pictures";
import { useDrawing } from "./store";
import { useKeyboardPen } from "./useKeyboardPen";
import { type Hand, usePointers } from "./usePointers";
import { useView } from "./useView";
import { ZoomBar } from "./ZoomBar";

const NOTHING: readonly string[] = [];

/** The page that is drawn on. */
export function Page() {
  const say = useSpeech();
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef(new Painter());
  const live = useRef<Stroke | null>(null);
  const { view, zoom, pan, reset } = useView(frame);
  const drawing = useDrawing((state) => state.history.now);
  const photographed = useDrawing((state) => state.desk === "photo");
  const hidden = useDrawing((state) => (photographed ? NOTHING : state.hidden));
  const photoOpacity = useDrawing((state) => (photographed ? 1 : state.photoOpacity));
  const pictures = usePictures(drawing.drawing, drawing.photo);

  const paint = useCallback(() => {
    const context = canvas.current?.getContext("2d");
    if (context)
      painter.current.paint(context, drawing, pictures, { hidden, photoOpacity }, live.current);
  }, [drawing, pictures, hidden, photoOpacity]);
  useEffect(paint, [paint]);

  const soon = useFrame(paint);
  const hand: Hand = {
    down: (point, felt) => {
      const { layer, tool, size, colour } = useDrawing.getState();
      const wide =
        tool === "eraser" ? Math.max(size * 2.5, 0.03) : layer === "mask" ? size * 6 : size;
      live.current = {
        layer,
        erases: tool === "eraser",
        size: wide,
        colour,
        felt,
        points: [point],
      };
      follow(live.current);
      soon();
    },
    move: (points) => {
      if (!live.current) return;
      live.current = { ...live.current, points: [...live.current.points, ...points] };
      follow(live.current);
      soon();
    },
    up: () => {
      const stroke = live.current;
      live.current = null;
      follow(null);
      if (stroke) useDrawing.getState().add({ ...stroke, points: stroke.points.map(rounded) });
    },
    drop: () => {
      live.current = null;
      follow(null);
      soon();
    },
    pinch: (factor, x, y, dx, dy) => {
      zoom(factor, x, y);
      pan(dx, dy);
    },
  };
  const pointers = usePointers(hand);
  const { pen, ...keys } = useKeyboardPen(hand);

  return (
    <div className="page-frame" ref={frame}>
      <div
        className="page"
        style={{ transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}
      >
        <div
          className="page-touch"
          role="application"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard draws here too
          tabIndex={0}
          aria-label={say(photographed ? "photoLabel" : "canvasLabel")}
          aria-describedby="page-help"
          {...pointers}
          {...keys}
        >
          <canvas ref={canvas} width={SIDE} height={SIDE} />
          {pen.shown && (
            <span
              className="page-cursor"
              data-down={pen.down}
              style={{ left: `${pen.x * 100}%`, top: `${pen.y * 100}%` }}
            />
          )}
        </div>
      </div>
      <p id="page-help" className="unseen">
        {say("canvasHelp")}
      </p>
      <p className="unseen" aria-live="polite">
        {pen.shown ? say(pen.down ? "penDown" : "penUp") : ""}
      </p>
      <ZoomBar scale={view.scale} zoom={zoom} reset={reset} />
    </div>
  );
}

const rounded = ([x, y, pressure]: Point): Point => [
  Math.round(x * 1e4) / 1e4,
  Math.round(y * 1e4) / 1e4,
  Math.round(pressure * 100) / 100,
];

/** Calls at most once per frame, always the newest function. */
function useFrame(act: () => void): () => void {
  const waiting = useRef(0);
  const newest = useRef(act);
  newest.current = act;
  useEffect(() => () => cancelAnimationFrame(waiting.current), []);
  return () => {
    if (waiting.current) return;
    waiting.current = requestAnimationFrame(() => {
      waiting.current = 0;
      newest.current();
    });
  };
}

interface Pictures {
  drawing: ImageBitmap | null;
  photo: ImageBitmap | null;
}

function usePictures(drawing: Blob | null, photo: Blob | null): Pictures {
  const [pictures, put] = useState<Pictures>({ drawing: null, photo: null });
  useEffect(() => {
    let current = true;
    const decode = (blob: Blob | null) => (blob ? bitmapOf(blob).catch(() => null) : null);
    Promise.all([decode(drawing), decode(photo)]).then(([one, two]) => {
      if (current) put({ drawing: one, photo: two });
    });
    return () => {
      current = false;
    };
  }, [drawing, photo]);
  return pictures;
}
