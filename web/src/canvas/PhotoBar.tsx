import { Brush, Eraser, ImagePlus, Redo2, SquareDashed, Undo2, X } from "lucide-react";
import { IconButton } from "../shell/IconButton";
import { useSpeech } from "../shell/settings";
import { EMPTY, hasMask } from "./document";
import { OpenPicture } from "./OpenPicture";
import { useDrawing } from "./store";
import { useShortcuts } from "./useShortcuts";

/** Tools of the photo: the brush of the mask, eraser, width, undo, another photo. */
export function PhotoBar() {
  const say = useSpeech();
  const { history, tool, size, hold, undo, redo, clear, edit } = useDrawing();
  const photo = history.now.photo;
  useShortcuts();
  return (
    <div className="toolbar" role="toolbar" aria-label={say("tools")}>
      <div className="tool-group">
        <IconButton
          label={say("maskBrush")}
          icon={Brush}
          pressed={tool === "pen"}
          disabled={!photo}
          onClick={() => hold({ tool: "pen" })}
        />
        <IconButton
          label={say("eraser")}
          icon={Eraser}
          pressed={tool === "eraser"}
          disabled={!photo}
          onClick={() => hold({ tool: "eraser" })}
        />
        <input
          className="size-slider"
          type="range"
          aria-label={say("brushSize")}
          title={say("brushSize")}
          min={0.004}
          max={0.04}
          step={0.001}
          value={size}
          onChange={(event) => hold({ size: Number(event.target.value) })}
        />
      </div>
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
        <IconButton
          label={say("clearMask")}
          icon={SquareDashed}
          onClick={() => clear("mask")}
          disabled={!hasMask(history.now)}
        />
      </div>
      <div className="tool-group">
        <OpenPicture target="photo" label={say("openPhoto")} icon={ImagePlus} />
        <IconButton
          label={say("removePhoto")}
          icon={X}
          onClick={() => edit(EMPTY)}
          disabled={!photo}
        />
      </div>
    </div>
  );
}
