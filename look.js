
const kinds = { namespace: "object", class: "function", function: "function" };
export default function (described) {
  const wrong = [];
  // Getters are not read: they belong to instances.
  const propertyOf = (owner, key) => {
    for (; owner !== null; owner = Object.getPrototypeOf(owner)) {
      const property = Object.getOwnPropertyDescriptor(owner, key);
      if (property !== undefined) return property;
    }
  };
  const look = (path, owner, { name, isFunction }) => {
    const property = propertyOf(owner, name.startsWith("[Symbol.") ? Symbol[name.slice(8, -1)] : name);
    if (property === undefined) wrong.push(`${path}.${name} is not there`);
    else if (isFunction !== (typeof property.value === "function")) wrong.push(`${path}.${name} is of another type`);
  };
  for (const { name, kind, make, members } of described) {
    const own = kind === "class" ? globalThis[name].prototype : globalThis[name];
    const value = make === null ? own : new Function(`return ${make}`)();
    if (kind in kinds && typeof globalThis[name] !== kinds[kind]) wrong.push(`${name} is no ${kind}`);
    for (const member of members) {
      if (member.place === "static") look(name, globalThis[name], member);
      if (member.place === "instance" && member.name !== "constructor") look(name, value, member);
    }
  }
  return wrong;
}
