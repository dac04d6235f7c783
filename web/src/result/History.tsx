import { pictureUrl } from "../api/client";
import { isOpen } from "../api/types";
import { useSettings, useSpeech } from "../shell/settings";
import { useJobs } from "./jobs";

/** The last jobs; a click shows one again. */
export function History() {
  const say = useSpeech();
  const jobs = useJobs().data?.jobs ?? [];
  const { job: shown, put } = useSettings();
  if (jobs.length === 0) return null;
  return (
    <section className="history" aria-label={say("history")}>
      <h3>{say("history")}</h3>
      <ul>
        {jobs.map((job) => {
          const first = job.images[0];
          return (
            <li key={job.id}>
              <button
                type="button"
                aria-label={[
                  say("openJob", { name: job.title }),
                  say(job.state),
                  ...(job.images.length > 1 ? [say.many("pictures", job.images.length)] : []),
                ].join(", ")}
                aria-current={job.id === shown}
                data-state={job.state}
                onClick={() => put({ job: job.id })}
              >
                {first ? (
                  <img src={pictureUrl(first.id)} alt="" loading="lazy" />
                ) : (
                  <span className="dots" data-open={isOpen(job)} aria-hidden />
                )}
                {job.images.length > 1 && <small aria-hidden>{job.images.length}</small>}
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
