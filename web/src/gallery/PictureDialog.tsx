import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useEffect, useRef } from "react";
import { api } from "../api/client";
import type { Shown } from "../api/types";
import { Actions } from "../result/Actions";
import { Compare } from "../result/Compare";
import { IconButton } from "../shell/IconButton";
import { useSpeech } from "../shell/settings";

const SHOWN = [
  "recipe",
  "model",
  "label",
  "n",
  "steps",
  "sampler",
  "fidelity",
  "prompt_scale",
  "negative",
  "truncation",
  "guidance",
  "source",
  "method",
  "preset",
  "strength",
];

/** One picture of the gallery, large, with all that is known about it. */
export function PictureDialog({ picture, close }: { picture: Shown; close: () => void }) {
  const say = useSpeech();
  const dialog = useRef<HTMLDialogElement>(null);
  const job = useQuery({
    queryKey: ["job", picture.job],
    queryFn: () => api.job(picture.job),
  }).data;
  useEffect(() => dialog.current?.showModal(), []);
  const name = picture.prompt;
  const facts = Object.entries(job?.params ?? {}).filter(
    ([key, value]) => SHOWN.includes(key) && value !== null && value !== "",
  );
  return (
    <dialog
      ref={dialog}
      className="picture-dialog"
      aria-label={name || say("result")}
      onClose={close}
    >
      <header>
        <h2>{name}</h2>
        <IconButton label={say("close")} icon={X} onClick={() => dialog.current?.close()} />
      </header>
      <Compare picture={picture} inputs={job?.inputs} name={name} />
      {job && <Actions job={job} picture={picture} gone={() => dialog.current?.close()} />}
      <details>
        <summary>{say("details")}</summary>
        <dl>
          <dt>{say("seed")}</dt>
          <dd>{picture.seed}</dd>
          {facts.map(([key, value]) => (
            <div key={key}>
              <dt>{key}</dt>
              <dd>{String(value)}</dd>
            </div>
          ))}
        </dl>
      </details>
    </dialog>
  );
}
