import { ImagePlus, Trash2 } from "lucide-react";
import { IconButton } from "../shell/IconButton";
import { useSpeech } from "../shell/settings";
import { BrushTools, HistoryTools } from "./BrushTools";
import { isEmpty } from "./document";
import { LayersMenu } from "./LayersMenu";
import { OpenPicture } from "./OpenPicture";
import { useDrawing } from "./store";
import { useShortcuts } from "./useShortcuts";

const COLOURS = [
  "#e4572e",
  "#f2b134",
  "#5a9e4b",
  "#17777f",
  "#3b5bdb",
  "#8b4f9f",
  "#8a5a3b",
  "#14110f",
];

/** Tools of the drawing: pen, eraser, width, undo, layers, import. */
export function Toolbar() {
  const say = useSpeech();
  const { history, layer, colour, hold, clear } = useDrawing();
  useShortcuts();
  return (
    <div className="toolbar" role="toolbar" aria-label={say("tools")}>
      <BrushTools pen="pen" width="size" />
      <HistoryTools>
        <IconButton
          label={say("clearAll")}
          icon={Trash2}
          onClick={() => clear()}
          disabled={isEmpty(history.now)}
        />
      </HistoryTools>
      <div className="tool-group">
        <LayersMenu />
        <OpenPicture target="drawing" label={say("importDrawing")} icon={ImagePlus} />
      </div>
      {layer === "colour" && (
        <fieldset className="swatches">
          <legend className="unseen">{say("colour")}</legend>
          {COLOURS.map((each) => (
            <label key={each} className="swatch" style={{ backgroundColor: each }}>
              <input
                type="radio"
                name="colour"
                aria-label={each}
                checked={colour === each}
                onChange={() => hold({ colour: each, tool: "pen" })}
              />
            </label>
          ))}
        </fieldset>
      )}
    </div>
  );
}
