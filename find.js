
export default function ({ language, described }) {
  const found = [];
  const known = new Map(described.map((global) => [global.name, global]));
  for (const name of Object.getOwnPropertyNames(globalThis)) {
    if (!language.includes(name) && !known.has(name)) found.push(name);
  }
  const compare = (path, object, names, ignored) => {
    for (const key of Object.getOwnPropertyNames(object)) {
      if (!names.includes(key) && !ignored.includes(key)) found.push(`${path}.${key}`);
    }
  };
  for (const { name, kind, make, members, shared } of described) {
    const names = members.map((member) => member.name).concat(shared);
    if (kind === "namespace") compare(name, globalThis[name], names, []);
    if (kind === "class") {
      const constants = (key) => /^[A-Z_]+$/.test(key);
      const own = globalThis[name];
      compare(name, own, names, ["length", "name", "prototype"].concat(Object.getOwnPropertyNames(own).filter(constants)));
      const instance = own.prototype;
      compare(name, instance, names, ["constructor"].concat(Object.getOwnPropertyNames(instance).filter(constants)));
    }
    if (kind === "interface" && make !== null && name !== "Body") {
      compare(name, new Function(`return ${make}`)(), names, []);
    }
  }
  return found;
}
