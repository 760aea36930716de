// A form made from the JSON Schema that the compiler reads from the types of a script's entry. What the schema says in a way
// that no field has (unions, maps, deep nesting) is typed as JSON in a field of its own.

import { element } from "./dom.ts";

/** What is read of a schema. */
export interface Schema {
    type?: string | string[];
    properties?: Record<string, Schema>;
    required?: string[];
    items?: Schema;
    enum?: unknown[];
    const?: unknown;
    anyOf?: Schema[];
    oneOf?: Schema[];
    description?: string;
    title?: string;
    default?: unknown;
    format?: string;
    $ref?: string;
    $defs?: Record<string, Schema>;
}

const DEPTH_MAX = 4;

/** A part of the form, with its value. */
interface Part {
    root: HTMLElement;
    /** `undefined` where it is left out. */
    read: () => unknown;
    write: (value: unknown) => void;
}

/** A form for values of a schema. */
export class SchemaForm {
    readonly root: HTMLElement;
    #part: Part;

    constructor(schema: Schema, changed: () => void) {
        this.#part = part({ name: "input", schema, top: schema, depth: 0, required: true });
        this.root = element("div", { class: "schema-form" }, this.#part.root);
        this.root.addEventListener("input", changed);
        this.root.addEventListener("change", changed);
    }

    /** The value as JSON text, or what is wrong with it. */
    read(): { json: string } | { wrong: string } {
        try {
            return { json: JSON.stringify(this.#part.read() ?? null, null, 2) };
        } catch (error) {
            return { wrong: error instanceof Error ? error.message : String(error) };
        }
    }

    write(value: unknown): void {
        this.#part.write(value);
    }
}

/** Whether a form says more than a field of JSON would. */
export function hasForm(schema: Schema | null): schema is Schema {
    return schema !== null && kindOf(resolved(schema, schema)) !== "json";
}

interface Place {
    name: string;
    schema: Schema;
    top: Schema;
    depth: number;
    required: boolean;
}

let nextId = 0;

function part(place: Place): Part {
    const schema = resolved(place.schema, place.top);
    const at = { ...place, schema };
    switch (kindOf(schema)) {
        case "object":
            return place.depth < DEPTH_MAX ? objectPart(at) : jsonPart(at);
        case "enum":
            return choicePart(at, schema.enum ?? [schema.const]);
        case "boolean":
            return booleanPart(at);
        case "number":
        case "integer":
            return numberPart(at);
        case "string":
            return textPart(at);
        default:
            return jsonPart(at);
    }
}

function resolved(schema: Schema, top: Schema): Schema {
    const name = schema.$ref?.match(/^#\/\$defs\/(.+)$/)?.[1];
    const found = name ? top.$defs?.[decodeURIComponent(name).replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
    return found ?? schema;
}

function kindOf(schema: Schema): string {
    if (schema.enum || "const" in schema) return "enum";
    const types = (Array.isArray(schema.type) ? schema.type : [schema.type]).filter((type) => type && type !== "null");
    if (types.length !== 1) return "json";
    const type = types[0] as string;
    if (type === "object") return schema.properties && Object.keys(schema.properties).length > 0 ? "object" : "json";
    return ["string", "number", "integer", "boolean"].includes(type) ? type : "json";
}

function objectPart({ name, schema, top, depth, required }: Place): Part {
    const members = Object.entries(schema.properties ?? {}).map(([key, member]) => {
        const isRequired = schema.required?.includes(key) ?? false;
        return [key, part({ name: key, schema: member, top, depth: depth + 1, required: isRequired })] as const;
    });
    const roots = members.map(([, member]) => member.root);
    const root = depth === 0
        ? element("div", { class: "fields" }, ...roots)
        : element("fieldset", {}, element("legend", {}, name, required ? null : element("span", { class: "muted" }, " (optional)")), ...roots);
    const read = () => {
        const entries = members.map(([key, member]) => [key, member.read()] as const).filter(([, value]) => value !== undefined);
        return entries.length === 0 && !required ? undefined : Object.fromEntries(entries);
    };
    const write = (value: unknown) => {
        const object = (value ?? {}) as Record<string, unknown>;
        for (const [key, member] of members) member.write(object[key]);
    };
    return { root, read, write };
}

/** A field with its label and help around a control. */
function field(place: Place, control: HTMLElement): HTMLElement {
    const id = `schema-field-${(nextId += 1)}`;
    control.id = id;
    const optional = place.required ? null : element("span", { class: "muted" }, " (optional)");
    const label = element("label", { for: id }, place.depth === 0 ? "Input" : place.name, optional);
    const help = place.schema.description ? element("p", { class: "help", id: `${id}-help` }, place.schema.description) : null;
    if (help) control.setAttribute("aria-describedby", help.id);
    return element("div", { class: "field" }, label, control, help);
}

function textPart(place: Place): Part {
    const type = place.schema.format === "date" ? "date" : "text";
    const control = element("input", { type, autocomplete: "off", spellcheck: "false", placeholder: place.schema.format ?? "" });
    return {
        root: field(place, control),
        read: () => (control.value === "" && !place.required ? undefined : control.value),
        write: (value) => (control.value = typeof value === "string" ? value : ""),
    };
}

function numberPart(place: Place): Part {
    const step = place.schema.type === "integer" ? "1" : "any";
    const control = element("input", { type: "number", step, class: "num" });
    const read = () => {
        if (control.value !== "") return Number(control.value);
        if (place.required) throw new Error(`'${place.name}' needs a number`);
        return undefined;
    };
    return { root: field(place, control), read, write: (value) => (control.value = typeof value === "number" ? String(value) : "") };
}

function booleanPart(place: Place): Part {
    const options = place.required ? ["false", "true"] : ["", "false", "true"];
    const control = element("select", {}, ...options.map((option) => element("option", { value: option }, option || "—")));
    return {
        root: field(place, control),
        read: () => (control.value === "" ? undefined : control.value === "true"),
        write: (value) => (control.value = value === undefined ? options[0]! : String(value === true)),
    };
}

function choicePart(place: Place, choices: unknown[]): Part {
    const options = choices.map((choice, index) => element("option", { value: index }, typeof choice === "string" ? choice : JSON.stringify(choice)));
    if (!place.required) options.unshift(element("option", { value: "" }, "—"));
    const control = element("select", {}, ...options);
    return {
        root: field(place, control),
        read: () => (control.value === "" ? undefined : choices[Number(control.value)]),
        write: (value) => {
            const index = choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value));
            control.value = index >= 0 ? String(index) : place.required ? "0" : "";
        },
    };
}

function jsonPart(place: Place): Part {
    const control = element("textarea", { rows: 3, class: "mono", spellcheck: "false", placeholder: "JSON" });
    const read = () => {
        if (control.value.trim() === "") return place.required ? null : undefined;
        try {
            return JSON.parse(control.value) as unknown;
        } catch {
            throw new Error(`'${place.name}' is no JSON`);
        }
    };
    const write = (value: unknown) => (control.value = value === undefined ? "" : JSON.stringify(value, null, 2));
    return { root: field(place, control), read, write };
}
