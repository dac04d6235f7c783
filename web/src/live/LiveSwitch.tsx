import { useSettings, useSpeech } from "../shell/settings";

/** Whether the picture follows the drawing. */
export function LiveSwitch() {
  const say = useSpeech();
  const { live, put } = useSettings();
  return (
    <label className="live-switch">
      <input
        type="checkbox"
        role="switch"
        checked={live}
        aria-checked={live}
        onChange={(event) => put({ live: event.target.checked })}
      />
      <span>{say("live")}</span>
      <small>{say("liveHelp")}</small>
    </label>
  );
}
