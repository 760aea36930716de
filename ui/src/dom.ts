// Small things for working with the page: finding, listening, building. Everything that is shown is set as text.

/** The element that fits, or nothing. */
export function find<E extends Element = HTMLElement>(selector: string, within: ParentNode = document): E | null {
    return within.querySelector<E>(selector);
}

/** All elements that fit, as a list. */
export function all<E extends Element = HTMLElement>(selector: string, within: ParentNode = document): E[] {
    return [...within.querySelectorAll<E>(selector)];
}

/** The element with an id that stands in an attribute, with or without `#`. */
export function byId(id: string | undefined): HTMLElement | null {
    return id ? document.getElementById(id.replace(/^#/, "")) : null;
}

/**
 * Listens on the document for what happens in elements that fit, also those that come later. Events that do not bubble
 * are caught on their way down.
 */
export function on<K extends keyof DocumentEventMap, E extends HTMLElement>(
    event: K,
    selector: string,
    act: (element: E, event: DocumentEventMap[K]) => void,
    options: AddEventListenerOptions = {},
): void {
    document.addEventListener(
        event,
        (happened) => {
            const from = happened.target instanceof Element ? happened.target.closest<E>(selector) : null;
            if (from) act(from, happened);
        },
        options,
    );
}

/** What an element is made with: attributes, and its children as texts and elements. */
type Children = (Node | string)[];

/** Makes an element. Texts stay texts, whatever is in them. */
export function make<K extends keyof HTMLElementTagNameMap>(
    tag: K,
    attributes: Record<string, string> = {},
    ...children: Children
): HTMLElementTagNameMap[K] {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
}

/** An icon of the sprite, whose address the page names in `<html data-icons>`. */
export function icon(name: string): SVGSVGElement {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${spriteAddress()}#${name}`);
    svg.append(use);
    return svg;
}

/** Where the sprite is: said by the page, else where the page's first icon has it from. */
function spriteAddress(): string {
    const said = document.documentElement.dataset["icons"];
    return said ?? find<SVGUseElement>("svg.icon > use")?.getAttribute("href")?.split("#")[0] ?? "";
}

/** Runs for what fits now, and for what fits in each fragment that htmx puts in. */
export function each<E extends HTMLElement>(selector: string, act: (element: E) => void): void {
    const seen = new WeakSet<Element>();
    const run = (within: ParentNode): void => {
        const found = all<E>(selector, within);
        if (within instanceof HTMLElement && within.matches(selector)) found.unshift(within as E);
        for (const element of found) {
            if (seen.has(element)) continue;
            seen.add(element);
            act(element);
        }
    };
    run(document);
    document.addEventListener("htmx:load", (event) => {
        if (event.target instanceof HTMLElement) run(event.target);
    });
}
