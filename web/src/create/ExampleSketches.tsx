import { useEffect, useRef } from "react";
import { outline } from "../canvas/paint";
import { useDrawing } from "../canvas/store";
import { useSettings, useSpeech } from "../shell/settings";
import { drawingOf, EXAMPLES } from "./examples";

const SIDE = 112;

/** Sketches that open with one click, together with their words. */
export function ExampleSketches() {
  const say = useSpeech();
  const edit = useDrawing((state) => state.edit);
  const dial = useSettings((settings) => settings.dial);
  return (
    <section className="examples" aria-label={say("examples")}>
      {EXAMPLES.map(({ name, prompt, label }) => (
        <button
          type="button"
          key={name}
          className="example"
          aria-label={label[say.language]}
          title={label[say.language]}
          onClick={() => {
            edit(drawingOf(name));
            dial("prompt", prompt);
          }}
        >
          <Thumbnail name={name} />
        </button>
      ))}
    </section>
  );
}

function Thumbnail({ name }: { name: (typeof EXAMPLES)[number]["name"] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, SIDE, SIDE);
    context.fillStyle = "#14110f";
    for (const stroke of drawingOf(name).strokes)
      context.fill(outline({ ...stroke, size: stroke.size * 1.6 }, SIDE));
  }, [name]);
  return <canvas ref={canvas} width={SIDE} height={SIDE} aria-hidden />;
}
