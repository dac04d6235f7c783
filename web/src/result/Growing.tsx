import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, fileUrl, previewUrl } from "../api/client";
import type { Job } from "../api/types";
import type { Seen } from "../api/watch";
import { useSpeech } from "../shell/settings";

/** A job under way: its place in the queue, then the picture as it grows out of the drawing. */
export function Growing({ job, seen }: { job: Job; seen: Seen }) {
  const say = useSpeech();
  const preview = usePreview(job.id, seen.preview);
  const state = seen.state ?? job.state;
  const input = job.inputs.sketch ?? job.inputs.photo;
  const [done, total] = [seen.done ?? job.done, seen.total ?? job.total];
  return (
    <div className="growing">
      <div className="stage" data-state={state}>
        {preview ? (
          <img className="preview" src={preview} alt={say("previewOf", { name: job.title })} />
        ) : (
          input && <img className="waiting" src={fileUrl(input)} alt={say("before")} />
        )}
        {state === "queued" && !preview && <span className="shimmer" aria-hidden />}
      </div>
      <progress
        aria-label={say(state)}
        max={Math.max(1, total)}
        value={state === "running" ? done : undefined}
      />
      <p className="place">
        {state === "running" && total > 0 ? (
          <span>{say.many("step", done, { of: total })}</span>
        ) : (
          <Place job={job} />
        )}
        {job.eta_s !== null && <span>{say.duration(job.eta_s)}</span>}
      </p>
    </div>
  );
}

function Place({ job }: { job: Job }) {
  const say = useSpeech();
  const queue = useQuery({ queryKey: ["queue"], queryFn: api.queue, refetchInterval: 3000 }).data;
  if (queue?.paused) return <span>{say("pausedByOperator")}</span>;
  if (queue && queue.workers === 0) return <span>{say("noWorker")}</span>;
  return <span>{job.ahead ? say.many("ahead", job.ahead) : say("next")}</span>;
}

/** The newest preview that has arrived whole, so that the picture never flickers. */
function usePreview(job: string, seq: number | undefined): string | null {
  const [shown, put] = useState<string | null>(null);
  useEffect(() => {
    if (seq === undefined) return;
    let current = true;
    const picture = new Image();
    picture.onload = () => current && put(picture.src);
    picture.src = previewUrl(job, seq);
    return () => {
      current = false;
    };
  }, [job, seq]);
  return shown;
}
