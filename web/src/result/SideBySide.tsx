import { fileUrl, pictureUrl } from "../api/client";
import type { Job, Picture } from "../api/types";
import { useSpeech } from "../shell/settings";

/** Whether it was asked for several things that a photo should become. */
export const isOfWishes = (job: Job): boolean =>
  new Set(job.images.map((image) => image.name ?? "")).size > 1;

interface Props {
  job: Job;
  chosen: Picture;
  choose: (index: number) => void;
}

/** The photo and what became of it by each wish; a click shows one large. */
export function SideBySide({ job, chosen, choose }: Props) {
  const say = useSpeech();
  return (
    <ul className="side-by-side">
      {job.inputs.photo && (
        <li>
          <figure>
            <img src={fileUrl(job.inputs.photo)} alt="" loading="lazy" />
            <figcaption>{say("beforeEdit")}</figcaption>
          </figure>
        </li>
      )}
      {job.images.map((image, i) => (
        <li key={image.id}>
          <button
            type="button"
            aria-pressed={image.id === chosen.id}
            aria-label={`${say("of", { i: i + 1, n: job.images.length })}: ${image.name ?? ""}`}
            onClick={() => choose(i)}
          >
            <img src={pictureUrl(image.id)} alt="" loading="lazy" />
            <span>{image.name}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
