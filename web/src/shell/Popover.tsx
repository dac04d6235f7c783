import type { LucideIcon } from "lucide-react";
import { type ReactNode, useId } from "react";

interface Props {
  label: string;
  icon?: LucideIcon;
  text?: string;
  marked?: boolean;
  children: ReactNode;
}

/** A button that opens a small panel; the browser closes it on Escape or a click elsewhere. */
export function Popover({ label, icon: Icon, text, marked = false, children }: Props) {
  const id = useId();
  return (
    <div className="popover-place">
      <button
        type="button"
        className={text ? "button quiet" : "icon-button"}
        popoverTarget={id}
        aria-label={text ? undefined : label}
        title={label}
        data-marked={marked}
      >
        {Icon && <Icon aria-hidden size={20} strokeWidth={1.9} />} {text}
      </button>
      <div id={id} popover="auto" className="popover">
        {children}
      </div>
    </div>
  );
}
