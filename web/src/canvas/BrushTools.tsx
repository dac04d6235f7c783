import { Brush, Eraser, Redo2, Undo2 } from "lucide-react";
import type { ReactNode } from "react";
import type { Key } from "../i18n/en";
import { IconButton } from "../shell/IconButton";
import { useSpeech } from "../shell/settings";
import { useDrawing } from "./store";

/** Brush, eraser and their width; words for the brush and its width, which paints lines or a mask. */
export function BrushTools({ pen, width, disabled }: { pen: Key; width: Key; disabled?: boolean }) {
  const say = useSpeech();
  const { tool, size, hold } = useDrawing();
  return (
    <div className="tool-group">
      <IconButton
        label={say(pen)}
        icon={Brush}
        pressed={tool === "pen"}
        disabled={disabled}
        onClick={() => hold({ tool: "pen" })}
      />
      <IconButton
        label={say("eraser")}
        icon={Eraser}
        pressed={tool === "eraser"}
        disabled={disabled}
        onClick={() => hold({ tool: "eraser" })}
      />
      <input
        className="size-slider"
        type="range"
        aria-label={say(width)}
        title={say(width)}
        min={0.004}
        max={0.04}
        step={0.001}
        value={size}
        onChange={(event) => hold({ size: Number(event.target.value) })}
      />
    </div>
  );
}

/** Undo, redo, and whatever clears. */
export function HistoryTools({ children }: { children: ReactNode }) {
  const say = useSpeech();
  const { history, undo, redo } = useDrawing();
  return (
    <div className="tool-group">
      <IconButton
        label={say("undo")}
        icon={Undo2}
        onClick={undo}
        disabled={history.past.length === 0}
      />
      <IconButton
        label={say("redo")}
        icon={Redo2}
        onClick={redo}
        disabled={history.future.length === 0}
      />
      {children}
    </div>
  );
}
