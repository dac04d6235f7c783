import {
  Dice5,
  Download,
  Heart,
  Minus,
  PenLine,
  Plus,
  RefreshCw,
  SlidersHorizontal,
  Trash2,
  WandSparkles,
} from "lucide-react";
import { api, archiveUrl, pictureUrl } from "../api/client";
import type { Job, Picture } from "../api/types";
import { useOpenPicture } from "../canvas/OpenPicture";
import { type Desk, useDrawing } from "../canvas/store";
import { useRecipes } from "../create/catalogue";
import { keyOf } from "../create/depends";
import { recipeAt } from "../create/desk";
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
  const { put, values, recipe: current } = useSettings();
  const file = `palitra-${picture.seed}`;

  const recipes = useRecipes().data ?? {};
  const fields = recipes[job.recipe]?.schema.properties;
  const sheet = picture.kind === "sheet";
  const strength = job.params.target === undefined ? undefined : Number(job.params.strength);
  const editing = recipeAt("photo", recipes, current);
  const drawing = recipeAt("drawing", recipes, current);

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
  const takeTo = async (desk: Desk, recipe: string, more: Record<string, unknown> = {}) => {
    const response = await fetch(pictureUrl(picture.id));
    const blob = await response.blob();
    put({ recipe, values: { ...values, ...more } });
    useDrawing.getState().go(desk);
    await open(blob, desk);
    window.location.hash = "";
    window.scrollTo({ top: 0 });
  };
  const shows = picture.name ?? job.params.prompt ?? "";

  return (
    <div className="actions">
      {draw && strength !== undefined && (
        <Turn strength={strength} seed={picture.seed} draw={draw} />
      )}
      {draw && strength === undefined && (
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
      {!sheet && editing && (
        <IconButton
          label={say("editThis")}
          icon={WandSparkles}
          onClick={() => void takeTo("photo", editing, { source: shows })}
        />
      )}
      {!sheet && drawing && (
        <IconButton
          label={say("useAsInput")}
          icon={PenLine}
          onClick={() => void takeTo("drawing", drawing)}
        />
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

const STEP = 0.2;

/** The same edit nearer to the photo, or further from it. */
function Turn({
  strength,
  seed,
  draw,
}: { strength: number; seed: number } & Required<Pick<Props, "draw">>) {
  const say = useSpeech();
  const to = (change: number) => Math.round((strength + change) * 100) / 100;
  return (
    <>
      <button
        type="button"
        className="button"
        disabled={strength <= 0}
        onClick={() => draw({ seed, strength: Math.max(0, to(-STEP)) })}
      >
        <Minus aria-hidden size={18} /> {say("weaker")}
      </button>
      <button
        type="button"
        className="button"
        disabled={strength >= 1}
        onClick={() => draw({ seed, strength: Math.min(1, to(STEP)) })}
      >
        <Plus aria-hidden size={18} /> {say("stronger")}
      </button>
    </>
  );
}
