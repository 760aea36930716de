// Whether a text is what somebody looks for.

/** Whether each word that was typed stands in the text, whatever its case. */
export function fits(text: string, typed: string): boolean {
    const lower = text.toLowerCase();
    return typed.toLowerCase().split(/\s+/).every((word) => lower.includes(word));
}
