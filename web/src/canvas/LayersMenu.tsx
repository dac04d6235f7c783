import { Eye, EyeOff, Image, Layers, X } from "lucide-react";
import { useId } from "react";
import { IconButton } from "../shell/IconButton";
import { Popover } from "../shell/Popover";
import { useSpeech } from "../shell/settings";
import { LAYERS, type Layer } from "./document";
import { OpenPicture } from "./OpenPicture";
import { useDrawing } from "./store";

const NAMES = { sketch: "layerSketch", colour: "layerColour", mask: "layerMask" } as const;

/** Which layer is drawn on, and which are seen. */
export function LayersMenu() {
  const say = useSpeech();
  const group = useId();
  const { layer, hidden, hold, toggle, history, photoOpacity, edit } = useDrawing();
  const now = history.now;
  const name = (each: Layer) => say(NAMES[each]);
  const eye = (each: string, label: string) => (
    <IconButton
      label={say(hidden.includes(each) ? "show" : "hide", { name: label })}
      icon={hidden.includes(each) ? EyeOff : Eye}
      onClick={() => toggle(each)}
    />
  );
  return (
    <Popover label={`${say("layers")}: ${name(layer)}`} icon={Layers} marked={layer !== "sketch"}>
      <fieldset className="layers">
        <legend>{say("layers")}</legend>
        {LAYERS.map((each) => (
          <div className="layer" key={each}>
            <label>
              <input
                type="radio"
                name={group}
                checked={layer === each}
                onChange={() => hold({ layer: each, tool: "pen" })}
              />
              <span>
                {name(each)}
                {each === "mask" && <small>{say("layerMaskHelp")}</small>}
              </span>
            </label>
            {eye(each, name(each))}
          </div>
        ))}
        <div className="layer">
          <span className="layer-photo">
            <Image aria-hidden size={18} />
            <span>
              {say("layerPhoto")}
              <small>{say("importPhotoHelp")}</small>
            </span>
          </span>
          {now.photo ? (
            <>
              {eye("photo", say("layerPhoto"))}
              <IconButton
                label={say("removePhoto")}
                icon={X}
                onClick={() => edit({ ...now, photo: null })}
              />
            </>
          ) : (
            <OpenPicture target="photo" label={say("importPhoto")} icon={Image} />
          )}
        </div>
        {now.photo && (
          <input
            type="range"
            aria-label={say("photoOpacity")}
            min={0.1}
            max={1}
            step={0.05}
            value={photoOpacity}
            onChange={(event) => hold({ photoOpacity: Number(event.target.value) })}
          />
        )}
      </fieldset>
    </Popover>
  );
}
