/** A call that changes something: what it touches is asked for again, what fails is said. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { sentence } from "../api/client";
import { useNotice } from "./notice";
import { useSpeech } from "./settings";

export function useCall<Given, Answer>(
  call: (given: Given) => Promise<Answer>,
  touches: readonly string[],
) {
  const say = useSpeech();
  const queries = useQueryClient();
  const tell = useNotice((notice) => notice.tell);
  return useMutation<Answer, Error, Given>({
    mutationFn: call,
    onSuccess: () => {
      for (const key of touches) void queries.invalidateQueries({ queryKey: [key] });
    },
    onError: (error) => tell(sentence(error, say("offline"))),
  });
}
