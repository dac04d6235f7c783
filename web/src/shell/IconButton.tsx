import type { LucideIcon } from "lucide-react";
import type { ButtonHTMLAttributes } from "react";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
  icon: LucideIcon;
  pressed?: boolean;
}

/** A button that shows a sign and says a word. */
export function IconButton({ label, icon: Icon, pressed, className, ...rest }: Props) {
  return (
    <button
      type="button"
      className={`icon-button ${className ?? ""}`}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      {...rest}
    >
      <Icon aria-hidden size={20} strokeWidth={1.9} />
    </button>
  );
}
