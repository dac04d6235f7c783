import { photoOf } from "../canvas/exports";
import { useDrawing } from "../canvas/store";
import { useSpeech } from "../shell/settings";
import { useConsent } from "./consent";

/** Shown where a recipe takes photos of people: without the tick nothing is sent. */
export function ConsentTick() {
  const say = useSpeech();
  const photo = useDrawing((state) => photoOf(state.history.now));
  const { photo: agreed, give } = useConsent();
  return (
    <label className="consent">
      <input
        id="consent"
        type="checkbox"
        checked={photo !== null && agreed === photo}
        disabled={photo === null}
        onChange={(event) => give(event.target.checked ? photo : null)}
      />
      <span>
        {say("consent")}
        <small>{say(photo === null ? "consentFirst" : "consentHelp")}</small>
      </span>
    </label>
  );
}
