/** Calls of the REST API; every failure is a `Problem` with a sentence for the user. */

import { firstAlone } from "./firstAlone";
import type {
  Job,
  KeptFile,
  Language,
  Model,
  Picture,
  Preset,
  Queue,
  Recipes,
  Session,
  Shown,
} from "./types";

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }
}

/** What the user is told about a failed call. */
export function sentence(error: unknown, offline: string): string {
  if (error instanceof Problem) return error.code === "offline" ? offline : error.message;
  return error instanceof Error ? error.message : String(error);
}

let language: Language = "en";

/** Problems and notes come in this language from now on. */
export function speak(chosen: Language): void {
  language = chosen;
}

// the first answer may begin a session
const inSession = firstAlone();

async function ask(
  method: string,
  path: string,
  body?: unknown,
  headers?: HeadersInit,
  signal?: AbortSignal,
): Promise<Response> {
  const form = body instanceof FormData;
  let response: Response;
  try {
    response = await inSession(() =>
      fetch(path, {
        method,
        credentials: "same-origin",
        headers: {
          "accept-language": language,
          ...(body !== undefined && !form ? { "content-type": "application/json" } : {}),
          ...headers,
        },
        body: body === undefined ? undefined : form ? body : JSON.stringify(body),
        signal,
      }),
    );
  } catch {
    throw new Problem(0, "offline", "");
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  headers?: HeadersInit,
): Promise<T> {
  const response = await ask(method, path, body, headers);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** A call that is answered with a picture. */
export const picture = async (path: string, body: FormData, signal: AbortSignal): Promise<Blob> =>
  (await ask("POST", path, body, undefined, signal)).blob();

async function problemOf(response: Response): Promise<Problem> {
  const wait = Number(response.headers.get("retry-after"));
  const told = (await response.json().catch(() => ({}))) as { code?: string; detail?: string };
  return new Problem(
    response.status,
    told.code ?? "internal",
    told.detail ?? response.statusText,
    Number.isFinite(wait) && wait > 0 ? wait : null,
  );
}

/** A key that makes sending a wish twice safe; `randomUUID` is missing on plain http. */
const freshKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");

export interface JobPage {
  jobs: Job[];
  cursor: number | null;
}
export interface GalleryPage {
  images: Shown[];
  cursor: number | null;
}

export const api = {
  session: () => call<Session>("GET", "/v1/session"),
  login: (key: string) => call<Session>("POST", "/v1/session", { key }),
  logout: () => call<void>("DELETE", "/v1/session"),
  recipes: () => call<Recipes>("GET", "/v1/recipes"),
  presets: () => call<Preset[]>("GET", "/v1/presets"),
  models: () => call<Model[]>("GET", "/v1/models"),
  queue: () => call<Queue>("GET", "/v1/queue"),
  pause: (paused: boolean) => call<Queue>("POST", paused ? "/v1/queue/pause" : "/v1/queue/resume"),
  jobs: (cursor?: number) =>
    call<JobPage>("GET", `/v1/jobs?limit=20${cursor ? `&cursor=${cursor}` : ""}`),
  job: (id: string) => call<Job>("GET", `/v1/jobs/${id}`),
  draw: (wish: Record<string, unknown>) =>
    call<Job>("POST", "/v1/jobs", wish, { "idempotency-key": freshKey() }),
  cancel: (id: string) => call<Job>("POST", `/v1/jobs/${id}/cancel`),
  retry: (id: string) => call<Job>("POST", `/v1/jobs/${id}/retry`),
  forget: (id: string) => call<void>("DELETE", `/v1/jobs/${id}`),
  keep: (file: Blob) => {
    const form = new FormData();
    form.append("file", file, "picture.png");
    return call<KeptFile>("POST", "/v1/files", form);
  },
  gallery: (search: string, favourite: boolean, cursor?: number) => {
    const query = new URLSearchParams({ limit: "40" });
    if (search) query.set("search", search);
    if (favourite) query.set("favourite", "true");
    if (cursor) query.set("cursor", String(cursor));
    return call<GalleryPage>("GET", `/v1/images?${query}`);
  },
  favour: (id: string, favourite: boolean) =>
    call<Picture>("PATCH", `/v1/images/${id}`, { favourite }),
  erase: (id: string) => call<void>("DELETE", `/v1/images/${id}`),
};

export const pictureUrl = (id: string, width?: number): string =>
  width ? `/v1/images/${id}?format=webp&width=${width}` : `/v1/images/${id}`;
/** For showing large: small pictures come smoothly enlarged, which browsers do worse. */
export const largeUrl = (picture: Picture): string =>
  picture.width < 256 ? pictureUrl(picture.id, 512) : pictureUrl(picture.id);
export const archiveUrl = (job: string): string => `/v1/jobs/${job}/zip`;
export const fileUrl = (id: string): string => `/v1/files/${id}`;
export const previewUrl = (job: string, seq: number): string =>
  `/v1/jobs/${job}/preview?seq=${seq}`;
