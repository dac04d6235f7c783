import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { Heart, Search } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { api, pictureUrl } from "../api/client";
import type { Shown } from "../api/types";
import { Failure } from "../shell/Failure";
import { useSpeech } from "../shell/settings";
import { PictureDialog } from "./PictureDialog";

/** All pictures that were made, newest first. */
export function Gallery() {
  const say = useSpeech();
  const [search, look] = useState("");
  const [favourites, only] = useState(false);
  const [shown, show] = useState<Shown | null>(null);
  const words = useDeferredValue(search.trim());
  const pages = useInfiniteQuery({
    queryKey: ["gallery", words, favourites],
    queryFn: ({ pageParam }) => api.gallery(words, favourites, pageParam),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (page) => page.cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
  const pictures = pages.data?.pages.flatMap((page) => page.images) ?? [];
  return (
    <div className="gallery">
      <search className="gallery-head">
        <label className="search">
          <Search aria-hidden size={18} />
          <input
            type="search"
            aria-label={say("search")}
            placeholder={say("search")}
            value={search}
            onChange={(event) => look(event.target.value)}
          />
        </label>
        <button
          type="button"
          className="button quiet"
          aria-pressed={favourites}
          onClick={() => only(!favourites)}
        >
          <Heart aria-hidden size={18} /> {say("onlyFavourites")}
        </button>
      </search>
      {pages.isError ? (
        <Failure error={pages.error} retry={() => void pages.refetch()} />
      ) : pictures.length === 0 && !pages.isPending ? (
        <p className="gallery-empty">
          {say(words || favourites ? "galleryNothing" : "galleryEmpty")}
        </p>
      ) : (
        <ul className="gallery-grid">
          {pictures.map((picture) => (
            <li key={picture.id}>
              <button
                type="button"
                aria-label={say("pictureOf", { name: picture.prompt })}
                onClick={() => show(picture)}
              >
                <img src={pictureUrl(picture.id)} alt="" loading="lazy" />
                {picture.favourite && <Heart className="mark" aria-hidden size={16} />}
              </button>
            </li>
          ))}
        </ul>
      )}
      {pages.hasNextPage && (
        <button type="button" className="button more" onClick={() => void pages.fetchNextPage()}>
          {say("showMore")}
        </button>
      )}
      {shown && (
        <PictureDialog
          picture={pictures.find((each) => each.id === shown.id) ?? shown}
          close={() => show(null)}
        />
      )}
    </div>
  );
}
