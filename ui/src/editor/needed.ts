// What a test run asked for and the script's capabilities do not name: said, and offered as an ordinary edit (RULES 18).

import { ask, inWords } from "./api.ts";
import { announce, element } from "./dom.ts";
import type { Capabilities, TestRun } from "./outcome.ts";
import type { PageState } from "./page.ts";

/** A notice with what the run lacked, or nothing where it lacked nothing. */
export function showNeeded(page: PageState, run: TestRun): HTMLElement | null {
    const needed = run.capabilities_needed;
    const refusals = [run.error?.kind, ...run.calls.map((call) => call.error)];
    if (!needed || !refusals.includes("capability_denied")) return null;
    const slot = element("div", { class: "notice warning" }, element("p", {}, "It asked for what its capabilities do not name."));
    void offer(page, needed, slot);
    return slot;
}

async function offer(page: PageState, needed: Capabilities, slot: HTMLElement): Promise<void> {
    const answer = await ask<{ capabilities: Capabilities }>(`/api/v1/scripts/${page.script.id}`);
    if (!answer.ok) return;
    const present = answer.value.capabilities;
    const missing = lacking(present, needed);
    if (missing.length === 0) return;
    const list = element("ul", {}, ...missing.map(([word, name]) => element("li", {}, `${word} `, element("code", {}, name))));
    slot.append(list);
    if (!page.may.deploy) {
        slot.append(element("p", { class: "muted" }, "Whoever may deploy can add it in the settings."));
        return;
    }
    const button = element("button", { type: "button", class: "button" }, "Add to its capabilities");
    button.addEventListener("click", () => void add(page, joined(present, needed), { button, slot, etag: answer.etag }));
    slot.append(button);
}

interface Adding {
    button: HTMLButtonElement;
    slot: HTMLElement;
    etag: string | null;
}

async function add(page: PageState, capabilities: Capabilities, { button, slot, etag }: Adding): Promise<void> {
    button.disabled = true;
    const request = { method: "PATCH" as const, body: { capabilities }, ...(etag ? { ifMatch: etag } : {}) };
    const answer = await ask(`/api/v1/scripts/${page.script.id}`, request);
    button.disabled = false;
    const words = answer.ok ? "It may reach that now. Test again to see." : inWords(answer.problem);
    slot.replaceChildren(element("p", {}, words));
    announce(words);
}

/** Each name that is needed and not there, with what it is. */
function lacking(present: Capabilities, needed: Capabilities): [string, string][] {
    const of = (word: string, have: string[] | null, want: string[] | null): [string, string][] =>
        have === null ? [] : (want ?? []).filter((name) => !have.includes(name)).map((name) => [word, name]);
    return [
        ...of("The service method", present.services, needed.services),
        ...of("The host", present.hosts, needed.hosts),
        ...of("The secret", present.secrets, needed.secrets),
        ...of("Storage keys that begin with", present.storage_prefixes, needed.storage_prefixes),
        ...of("Events of the type", present.event_types, needed.event_types),
    ];
}

/** What is there and what is needed. `null` is everything already. */
export function joined(present: Capabilities, needed: Capabilities): Capabilities {
    const union = (have: string[], want: string[] | null) => [...new Set([...have, ...(want ?? [])])];
    return {
        services: union(present.services, needed.services),
        hosts: union(present.hosts, needed.hosts),
        secrets: union(present.secrets, needed.secrets),
        storage_prefixes: present.storage_prefixes === null ? null : union(present.storage_prefixes, needed.storage_prefixes),
        event_types: present.event_types === null ? null : union(present.event_types, needed.event_types),
    };
}
