/** Sends what is on the page and shows the new job. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Problem, sentence } from "../api/client";
import type { Job } from "../api/types";
import { useDrawing } from "../canvas/store";
import { useNotice } from "../shell/notice";
import { useSettings, useSpeech } from "../shell/settings";
import { useRecipes } from "./catalogue";
import { freshSeed, MissingError, send } from "./wish";

export function useDraw() {
  const say = useSpeech();
  const queries = useQueryClient();
  const recipes = useRecipes().data;
  const tell = useNotice((notice) => notice.tell);
  return useMutation<Job, Error, Record<string, unknown> | undefined>({
    mutationFn: async (once) => {
      const { recipe, values, seedLocked, dial } = useSettings.getState();
      const chosen = recipes?.[recipe];
      if (!chosen) throw new Problem(0, "offline", "");
      const kept = seedLocked && values.seed !== undefined ? values.seed : freshSeed();
      const seed = once?.seed ?? kept;
      dial("seed", seed);
      const all = { ...values, seed };
      return send(
        { name: recipe, recipe: chosen, values: all, once },
        useDrawing.getState().history.now,
      );
    },
    onSuccess: (job) => {
      useNotice.getState().clear();
      queries.setQueryData(["job", job.id], job);
      useSettings.getState().put({ job: job.id });
      void queries.invalidateQueries({ queryKey: ["jobs"] });
    },
    onError: (error) => {
      if (error instanceof MissingError) tell(say(error.key));
      else tell(sentence(error, say("offline")));
    },
  });
}
