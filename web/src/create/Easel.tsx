import { ImagePlus } from "lucide-react";
import type { Recipe } from "../api/types";
import { hasLines } from "../canvas/document";
import { OpenPicture } from "../canvas/OpenPicture";
import { Page } from "../canvas/Page";
import { PhotoBar } from "../canvas/PhotoBar";
import { useDrawing } from "../canvas/store";
import { Toolbar } from "../canvas/Toolbar";
import { useDropped } from "../canvas/useDropped";
import { LiveSwitch } from "../live/LiveSwitch";
import { useSpeech } from "../shell/settings";
import { ConsentTick } from "./ConsentTick";
import { takesPeople } from "./consent";
import { ExampleSketches } from "./ExampleSketches";

/** The page with its tools: a drawing, or a photo and the mask over it; `live`: a picture may follow it. */
export function Easel({ recipe, live }: { recipe: Recipe; live: boolean }) {
  const say = useSpeech();
  const photographed = useDrawing((state) => state.desk === "photo");
  const blank = useDrawing(({ desk, history: { now } }) =>
    desk === "photo" ? now.photo === null : !hasLines(now),
  );
  const dropping = useDropped();
  const subject = takesPeople(recipe);
  return (
    <section
      className="easel"
      aria-label={say(photographed ? "photoLabel" : "canvasLabel")}
      data-dropping={dropping}
    >
      {photographed ? <PhotoBar /> : <Toolbar />}
      <div className="easel-page">
        <Page />
        {blank &&
          (photographed ? (
            <div className="easel-empty easel-photo">
              <ImagePlus aria-hidden size={36} strokeWidth={1.4} />
              <strong>{say("photoEmptyTitle")}</strong>
              <span>{say("photoEmptyText")}</span>
              <OpenPicture target="photo" label={say("choosePhoto")} icon={ImagePlus} wide />
            </div>
          ) : (
            <p className="easel-empty" aria-hidden>
              <strong>{say("emptyTitle")}</strong>
              {say("emptyText")}
            </p>
          ))}
      </div>
      {photographed && !blank && <p className="easel-hint">{say("maskHint")}</p>}
      {live && <LiveSwitch />}
      {subject && <ConsentTick subject={subject} />}
      {!photographed && <ExampleSketches />}
    </section>
  );
}
