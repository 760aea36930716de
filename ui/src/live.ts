// Regions that are kept up to date: `data-live` names a stream of the API, `data-refresh` what is read again when it tells
// of something.

import { all, find } from "./dom.ts";
import { refresh } from "./refresh.ts";
import { listen } from "./sse.ts";
import { toast } from "./toasts.ts";

/** A region is read again at most once in this time. */
const PACE_MS = 1_000;

/** The streams that are open, by their address. */
const streams = new Map<string, () => void>();

/** Opens what the page names, and closes what it does not name any more. */
export function startLive(): void {
    follow();
    document.addEventListener("htmx:afterSettle", follow);
}

function follow(): void {
    const named = new Map(all("[data-live]").map((element) => [element.dataset["live"] ?? "", element.dataset["refresh"] ?? "#main"]));
    for (const [address, end] of streams) {
        if (named.has(address)) continue;
        end();
        streams.delete(address);
    }
    for (const [address, region] of named) {
        if (address && !streams.has(address)) streams.set(address, open(address, region));
    }
}

function open(address: string, region: string): () => void {
    const again = paced(() => refreshQuietly(region));
    const end = listen(address, {
        event: ({ name }) => {
            if (name === "forbidden") endWith("You may not see more of this: the page stands still.");
            else again();
        },
        // What happened while it was closed was told to nobody.
        opened: (wasOpen) => wasOpen && again(),
        refused: (status) => {
            if (status === 401) endWith("You are signed out: the page stands still. Sign in in another tab, then read it again.");
        },
    });
    const endWith = (text: string): void => {
        end();
        toast(text, { kind: "info", stays: true, action: { word: "Read again", act: () => location.reload() } });
    };
    return end;
}

/** Calls at once, and then not more often than the pace allows; the last call is never left out. */
function paced(act: () => Promise<boolean>): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const run = async (): Promise<void> => {
        last = performance.now();
        const isDone = await act();
        timer = undefined;
        // Somebody is at work in the region: once more, when he has finished.
        if (!isDone) timer = setTimeout(() => void run(), PACE_MS);
    };
    return () => {
        timer ??= setTimeout(() => void run(), Math.max(0, last + PACE_MS - performance.now()));
    };
}

/** Reads a region again, unless that disturbs somebody in it. */
async function refreshQuietly(selector: string): Promise<boolean> {
    const region = find(selector);
    if (!region) return true;
    if (isInUse(region)) return false;
    await refresh(selector);
    return true;
}

/** Whether rows are selected in a region, something is opened or filled in, or its text is being marked. */
function isInUse(region: HTMLElement): boolean {
    if (find("[name=selected]:checked, details.menu[open], dialog[open], form[data-dirty=true], [popover]:popover-open", region)) return true;
    const active = document.activeElement;
    if (active && region.contains(active) && active.matches("input:not([type=checkbox]), select, textarea")) return true;
    const marked = getSelection();
    return marked !== null && !marked.isCollapsed && marked.containsNode(region, true);
}
