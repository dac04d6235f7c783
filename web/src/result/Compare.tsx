import { useState } from "react";
import { fileUrl, largeUrl } from "../api/client";
import type { Picture } from "../api/types";
import { useSpeech } from "../shell/settings";

interface Props {
  picture: Picture;
  inputs: Record<string, string> | undefined;
  name: string;
}

/** A picture, and over it as much of the drawing or the photo as the slider says. */
export function Compare({ picture, inputs, name }: Props) {
  const photo = inputs?.photo;
  const input = inputs?.sketch ?? photo;
  const edited = input !== undefined && input === photo;
  const say = useSpeech();
  const [share, put] = useState(0);
  return (
    <div className="compare">
      <div className="stage">
        <img className="picture" src={largeUrl(picture)} alt={say("pictureOf", { name })} />
        {input && (
          <>
            <img
              className="over"
              src={fileUrl(input)}
              alt=""
              style={{ clipPath: `inset(0 ${100 - share}% 0 0)` }}
            />
            <span className="seam" aria-hidden hidden={share === 0} style={{ left: `${share}%` }} />
          </>
        )}
        <span className="size-tag">
          {picture.width} × {picture.height}
        </span>
      </div>
      {input && (
        <label className="compare-slider">
          <span>{say(edited ? "afterEdit" : "after")}</span>
          <input
            type="range"
            min={0}
            max={100}
            step={1}
            aria-label={say(edited ? "comparePhoto" : "compareSlider")}
            value={share}
            onChange={(event) => put(Number(event.target.value))}
          />
          <span>{say(edited ? "beforeEdit" : "before")}</span>
        </label>
      )}
    </div>
  );
}
