import {
  Dice5,
  Download,
  Heart,
  PenLine,
  RefreshCw,
  SlidersHorizontal,
  Trash2,
} from "lucide-react";
import { api, archiveUrl, pictureUrl } from "../api/client";
import type { Job, Picture } from "../api/types";
import { useOpenPicture } from "../canvas/OpenPicture";
import { useRecipes } from "../create/catalogue";
import { keyOf } from "../create/depends";
import { freshSeed } from "../create/wish";
import { IconButton } from "../shell/IconButton";
import { Popover } from "../shell/Popover";
import { useSettings, useSpeech } from "../shell/settings";
import { useCall } from "../shell/useCall";

interface Props {
  job: Job;
  picture: Picture;
  draw?: (once?: Record<string, unknown>) => void;
  /** Called when the picture was deleted. */
  gone?: () => void;
}

/** What one can do with a picture. */
export function Actions({ job, picture, draw, gone }: Props) {
  const say = useSpeech();
  const favour = useCall((on: boolean) => api.favour(picture.id, on), ["job", "jobs", "gallery"]);
  const erase = useCall(() => api.erase(picture.id), ["job", "jobs", "gallery"]);
  const open = useOpenPicture();
  const { put, values } = useSettings();
  const file = `palitra-${picture.seed}`;

  const fields = useRecipes().data?.[job.recipe]?.schema.properties;
  const sheet = picture.kind === "sheet";

  const recall = () => {
    const told = Object.entries(job.params).map(([name, value]) => [
      keyOf(job.recipe, name, fields?.[name]),
      value,
    ]);
    put({
      recipe: job.recipe,
      values: { ...values, ...Object.fromEntries(told), seed: picture.seed },
      seedLocked: true,
    });
  };
  const drawOn = async () => {
    const response = await fetch(pictureUrl(picture.id));
    await open(await response.blob(), "drawing");
    window.location.hash = "";
  };

  return (
    <div className="actions">
      {draw && (
        <>
          <button type="button" className="button" onClick={() => draw({ seed: freshSeed() })}>
            <RefreshCw aria-hidden size={18} /> {say("again")}
          </button>
          {!sheet && (
            <button
              type="button"
              className="button"
              onClick={() => draw({ seed: freshSeed(), n: 4 })}
            >
              <Dice5 aria-hidden size={18} /> {say("variations")}
            </button>
          )}
        </>
      )}
      <span className="spacer" />
      <IconButton
        label={say(picture.favourite ? "unfavourite" : "favourite")}
        icon={Heart}
        pressed={picture.favourite}
        className="heart"
        onClick={() => favour.mutate(!picture.favourite)}
      />
      {!sheet && (
        <IconButton label={say("useAsInput")} icon={PenLine} onClick={() => void drawOn()} />
      )}
      <IconButton label={say("useSettings")} icon={SlidersHorizontal} onClick={recall} />
      <Popover label={say("download")} icon={Download}>
        <div className="menu">
          <a href={pictureUrl(picture.id)} download={`${file}.png`}>
            {say("downloadPng")}
          </a>
          <a href={`${pictureUrl(picture.id)}?metadata=false`} download={`${file}.png`}>
            {say("downloadClean")}
          </a>
          <a href={`${pictureUrl(picture.id)}?format=jpeg`} download={`${file}.jpg`}>
            {say("downloadJpeg")}
          </a>
          <a href={`${pictureUrl(picture.id)}?format=webp`} download={`${file}.webp`}>
            {say("downloadWebp")}
          </a>
          {job.images.length + job.parts > 1 && (
            <a href={archiveUrl(job.id)} download={`palitra-${job.id.slice(0, 8)}.zip`}>
              {say("downloadAll")}
            </a>
          )}
        </div>
      </Popover>
      <IconButton
        label={say("delete")}
        icon={Trash2}
        onClick={() => {
          if (window.confirm(say("deleteSure"))) erase.mutate(undefined, { onSuccess: gone });
        }}
      />
    </div>
  );
}
