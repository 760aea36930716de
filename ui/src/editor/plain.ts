// Guest text as what it is: signs that a terminal or a browser would act on, or that turn a text around, are shown and not
// obeyed. Numbers with units.

/** Controls but tab and line feed; marks that set the direction; signs without a width. */
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** The text with its hidden signs named, as `⟨U+202E⟩`. */
export function shown(text: string): string {
    return text.replace(HIDDEN, (sign) => `⟨U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** Microseconds as people read them. */
export function duration(us: number): string {
    if (us < 1_000) return `${us} µs`;
    const ms = us / 1_000;
    if (ms < 10) return `${ms.toFixed(1)} ms`;
    if (ms < 1_000) return `${Math.round(ms)} ms`;
    const seconds = ms / 1_000;
    if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
    return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

/** Bytes as people read them. */
export function bytes(count: number): string {
    if (count < 1_024) return `${count} B`;
    const units = ["KiB", "MiB", "GiB"];
    let [value, unit] = [count / 1_024, 0];
    while (value >= 1_024 && unit < units.length - 1) [value, unit] = [value / 1_024, unit + 1];
    return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** A number with spaces between its thousands. */
export function grouped(count: number): string {
    return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** A large number in a few digits. */
export function about(count: number): string {
    if (count < 10_000) return grouped(count);
    const units: [number, string][] = [[1e9, "billion"], [1e6, "million"], [1e3, "thousand"]];
    const [size, word] = units.find(([size]) => count >= size) ?? [1, ""];
    const value = count / size;
    return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${word}`.trim();
}
