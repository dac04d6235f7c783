import { photoOf } from "../canvas/exports";
import { useDrawing } from "../canvas/store";
import { useSpeech } from "../shell/settings";
import { useConsent } from "./consent";

/** Shown where a recipe takes photos of people; one that always does sends nothing without the tick. */
export function ConsentTick({ subject }: { subject: "person" | "anybody" }) {
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
        {say(subject === "person" ? "consent" : "consentAnybody")}
        <small>
          {say(
            subject === "anybody"
              ? "consentAnybodyHelp"
              : photo === null
                ? "consentFirst"
                : "consentHelp",
          )}
        </small>
      </span>
    </label>
  );
}
