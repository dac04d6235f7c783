import { ImagePlus, SquareDashed, X } from "lucide-react";
import { IconButton } from "../shell/IconButton";
import { useSpeech } from "../shell/settings";
import { BrushTools, HistoryTools } from "./BrushTools";
import { EMPTY, hasMask } from "./document";
import { OpenPicture } from "./OpenPicture";
import { useDrawing } from "./store";
import { useShortcuts } from "./useShortcuts";

/** Tools of the photo: the brush of the mask, eraser, width, undo, another photo. */
export function PhotoBar() {
  const say = useSpeech();
  const { history, clear, edit } = useDrawing();
  const photo = history.now.photo;
  useShortcuts();
  return (
    <div className="toolbar" role="toolbar" aria-label={say("tools")}>
      <BrushTools pen="maskBrush" width="brushSize" disabled={!photo} />
      <HistoryTools>
        <IconButton
          label={say("clearMask")}
          icon={SquareDashed}
          onClick={() => clear("mask")}
          disabled={!hasMask(history.now)}
        />
      </HistoryTools>
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
