import { ImageOff, Sparkles, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { api } from "../api/client";
import { isOpen, type Job } from "../api/types";
import { useSettings, useSpeech } from "../shell/settings";
import { useCall } from "../shell/useCall";
import { Actions } from "./Actions";
import { Compare } from "./Compare";
import { Growing } from "./Growing";
import { useJob } from "./jobs";
import { isOfWishes, SideBySide } from "./SideBySide";

interface Props {
  draw: (once?: Record<string, unknown>) => void;
}

/** The job looked at: its place, its growth, its pictures. */
export function Result({ draw }: Props) {
  const say = useSpeech();
  const { job, seen } = useJob();
  const section = useRef<HTMLElement>(null);
  const id = job?.id;
  const shownFirst = useRef<string | undefined>(undefined);
  useEffect(() => {
    // on a phone, and below a live picture, it is out of sight: a job that was just sent is brought into view
    const top = section.current?.getBoundingClientRect().top ?? 0;
    if (
      id &&
      shownFirst.current !== undefined &&
      shownFirst.current !== id &&
      (window.innerWidth <= 900 || top > 0.6 * window.innerHeight)
    )
      section.current?.scrollIntoView({ behavior: "smooth" });
    shownFirst.current = id ?? "";
  }, [id]);
  const cancel = useCall(api.cancel, ["job", "jobs"]);
  const open = job !== undefined && isOpen(job);
  const state = open ? (seen.state ?? job.state) : job?.state;
  return (
    <section className="result" ref={section} aria-label={say("result")}>
      <header className="result-head">
        <h2>{job ? job.title : say("result")}</h2>
        {state && (
          <span className="state" data-state={state} role="status">
            {say(state)}
          </span>
        )}
        {open && (
          <button
            type="button"
            className="button quiet"
            onClick={() => cancel.mutate(job.id)}
            disabled={cancel.isPending}
          >
            <X aria-hidden size={18} /> {say("cancel")}
          </button>
        )}
      </header>
      {open && job.images.length > 0 && (
        <progress
          aria-label={say("running")}
          max={Math.max(1, seen.total ?? job.total)}
          value={seen.done ?? job.done}
        />
      )}
      {!job ? (
        <div className="stage stage-empty">
          <Sparkles aria-hidden size={36} strokeWidth={1.4} />
          <strong>{say("resultEmptyTitle")}</strong>
          <span>{say("resultEmptyText")}</span>
        </div>
      ) : open && job.images.length === 0 ? (
        <Growing job={job} seen={seen} />
      ) : job.images.length > 0 ? (
        <Pictures key={job.id} job={job} draw={draw} />
      ) : (
        <Ended job={job} />
      )}
    </section>
  );
}

function Ended({ job }: { job: Job }) {
  const say = useSpeech();
  const retry = useCall(api.retry, ["jobs"]);
  const put = useSettings((settings) => settings.put);
  return (
    <div className="stage stage-empty">
      <ImageOff aria-hidden size={36} strokeWidth={1.4} />
      <strong>{say(job.state)}</strong>
      {job.error && <span>{job.error.detail}</span>}
      <button
        type="button"
        className="button"
        onClick={() => retry.mutate(job.id, { onSuccess: (fresh) => put({ job: fresh.id }) })}
      >
        {say("retry")}
      </button>
    </div>
  );
}

function Pictures({ job, draw }: { job: Job; draw: Props["draw"] }) {
  const say = useSpeech();
  const [chosen, choose] = useState(0);
  const picture = job.images[Math.min(chosen, job.images.length - 1)];
  if (!picture) return null;
  const name = picture.name ?? job.title;
  return (
    <>
      <Compare key={picture.id} picture={picture} inputs={job.inputs} name={name} />
      {isOfWishes(job) ? (
        <SideBySide job={job} chosen={picture} choose={choose} />
      ) : (
        job.images.length > 1 && (
          <ul className="thumbs">
            {job.images.map((each, i) => (
              <li key={each.id}>
                <button
                  type="button"
                  aria-pressed={each.id === picture.id}
                  aria-label={say("of", { i: i + 1, n: job.images.length })}
                  onClick={() => choose(i)}
                >
                  <img src={`/v1/images/${each.id}`} alt="" loading="lazy" />
                </button>
              </li>
            ))}
          </ul>
        )
      )}
      <Actions job={job} picture={picture} draw={draw} />
      {job.notes.length > 0 && (
        <details className="notes">
          <summary>{say("notes")}</summary>
          <ul>
            {job.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
