/** The jobs that the page shows: the one looked at by its events, the others by asking now and then. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api } from "../api/client";
import { isOpen, type Job } from "../api/types";
import { nothingSeen, type Seen, watch } from "../api/watch";
import { useSettings } from "../shell/settings";

/** Recent jobs, asked for again while some of them are open. */
export const useJobs = () =>
  useQuery({
    queryKey: ["jobs"],
    queryFn: () => api.jobs(),
    refetchInterval: (query) => (query.state.data?.jobs.some(isOpen) ? 2000 : 30_000),
  });

/** The job looked at, with what its events have told. */
export function useJob(): { job: Job | undefined; seen: Seen } {
  const id = useSettings((settings) => settings.job);
  const put = useSettings((settings) => settings.put);
  const queries = useQueryClient();
  const [seen, tell] = useState<Seen>(nothingSeen);
  const query = useQuery({
    queryKey: ["job", id],
    queryFn: () => api.job(id ?? ""),
    enabled: id !== null,
    retry: false,
    refetchInterval: (current) => (current.state.data && isOpen(current.state.data) ? 3000 : false),
  });
  const open = query.data ? isOpen(query.data) : false;

  // a job that is gone (deleted, another database) is no longer looked at
  const gone = query.error !== null && "status" in query.error && query.error.status === 404;
  useEffect(() => {
    if (gone) put({ job: null });
  }, [gone, put]);

  useEffect(() => {
    tell(nothingSeen);
    if (!id || !open) return;
    let known = nothingSeen;
    return watch(id, (news) => {
      tell(news);
      if (news.ended || news.state !== known.state || news.images !== known.images)
        void queries.invalidateQueries({ queryKey: ["job", id] });
      known = news;
      if (news.ended) {
        void queries.invalidateQueries({ queryKey: ["jobs"] });
        void queries.invalidateQueries({ queryKey: ["gallery"] });
      }
    });
  }, [id, open, queries]);

  return { job: query.data, seen };
}
