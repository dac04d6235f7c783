/** One sentence at the foot of the page: what went wrong and what to do. */

import { create } from "zustand";

interface Notice {
  text: string;
  tell: (text: string) => void;
  clear: () => void;
}

export const useNotice = create<Notice>((put) => ({
  text: "",
  tell: (text) => put({ text }),
  clear: () => put({ text: "" }),
}));
