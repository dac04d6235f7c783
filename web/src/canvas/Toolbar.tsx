import { Brush, Eraser, ImagePlus, Redo2, Trash2, Undo2 } from "lucide-react";
import { IconButton } from "../shell/IconButton";
import { useSpeech } from "../shell/settings";
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
  const { history, tool, size, layer, colour, hold, undo, redo, clear } = useDrawing();
  useShortcuts();
  return (
    <div className="toolbar" role="toolbar" aria-label={say("tools")}>
      <div className="tool-group">
        <IconButton
          label={say("pen")}
          icon={Brush}
          pressed={tool === "pen"}
          onClick={() => hold({ tool: "pen" })}
        />
        <IconButton
          label={say("eraser")}
          icon={Eraser}
          pressed={tool === "eraser"}
          onClick={() => hold({ tool: "eraser" })}
        />
        <input
          className="size-slider"
          type="range"
          aria-label={say("size")}
          title={say("size")}
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
          label={say("clearAll")}
          icon={Trash2}
          onClick={() => clear()}
          disabled={isEmpty(history.now)}
        />
      </div>
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
