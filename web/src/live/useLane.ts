/** Whether live pictures can be had for a recipe, and who draws them. */

import { useQuery } from "@tanstack/react-query";
import type { Recipe } from "../api/types";
import { type LiveLane, laneNow } from "./calls";

/** The lane, where there is one and the recipe follows a drawing. */
export function useLane(recipe: Recipe | undefined): LiveLane | null {
  const drawn =
    recipe?.inputs.some((input) => input.kind === "sketch") === true &&
    recipe.schema.properties.prompt !== undefined;
  const lane = useQuery({
    queryKey: ["live"],
    queryFn: laneNow,
    enabled: drawn,
    staleTime: 60_000,
  }).data;
  return drawn && lane && lane.state !== "off" ? lane : null;
}
