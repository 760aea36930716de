// JSON as text: how it is written for people, and what it is in a few words.

/**
 * JSON with a line for each member; null where the text is none that JavaScript can hold: it is no JSON, or has numbers
 * that would become others.
 */
export function pretty(text: string): string | null {
    const withoutTexts = text.replace(/"(?:[^"\\]|\\.)*"/g, "");
    if (/\d{16}/.test(withoutTexts)) return null;
    try {
        return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
        return null;
    }
}

/** What a value is, in a few words: `3 members`, `12 items`, `text, 40 characters`. */
export function summary(value: unknown): string {
    if (Array.isArray(value)) return counted(value.length, "item");
    if (typeof value === "string") return `text, ${counted(value.length, "character")}`;
    if (typeof value === "object" && value !== null) return counted(Object.keys(value).length, "member");
    return value === null ? "null" : typeof value;
}

function counted(count: number, noun: string): string {
    return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
