// `services`: every name is a service, and every name of a service a method; the host knows which there are.
//
// The proxy is only the prototype. What it finds becomes a property of the object in front of it, so that the second
// `services.products.get` is a plain property.
(function (native, kit) {
  "use strict";
  const { Proxy, string, stringify, reject, typeError, defineProperty, isWellFormed, isObject, keys } = kit;
  const create = Object.create,
    plain = Object.prototype;

  // What the language itself asks any object for: an answer would make it a promise, or give it a JSON form.
  const isSilent = (name) =>
    typeof name === "symbol" || name === "then" || name === "toJSON" || name === "constructor" || name in plain;

  const lazy = (what, make) => {
    const refuse = () => {
      throw typeError(`${what} cannot be changed`);
    };
    const found = new Proxy(create(null), {
      get(_target, name, receiver) {
        if (isSilent(name)) return name === "then" || name === "toJSON" ? undefined : plain[name];
        const value = make(name);
        if (receiver === object) defineProperty(object, name, { value });
        return value;
      },
      has: (_target, name) => !isSilent(name),
      set: refuse,
      defineProperty: refuse,
      getPrototypeOf: () => null,
    });
    const object = create(found);
    return object;
  };

  // A condition whose value is missing would leave no trace in JSON, and the list would be longer than was meant.
  const requireConditions = (where, query) => {
    const filter = isObject(query) ? query.filter : undefined;
    if (!isObject(filter)) return;
    const names = keys(filter);
    for (let i = 0; i < names.length; i++)
      if (filter[names[i]] === undefined)
        throw typeError(`${where}: the filter's '${names[i]}' is undefined: give it a value, or leave it out`);
  };

  // The names are checked and handed over once, when a method is first touched: a call carries its arguments alone.
  const method = (service, name) => {
    let invoke, invokeWithText;
    try {
      string("services", "name of the service", service);
      string(`services.${service}`, "name of the method", name);
      invoke = native.method(service, name);
      invokeWithText = native.methodOfText(service, name);
    } catch (error) {
      return () => reject(error);
    }
    return (...values) => {
      try {
        // One text, an id say, is what most calls carry, and is written as JSON several times faster in Rust.
        if (values.length === 1 && typeof values[0] === "string" && isWellFormed(values[0])) {
          return invokeWithText(values[0]);
        }
        if (name === "list") requireConditions(`services.${service}.list`, values[0]);
        return invoke(stringify(values));
      } catch (error) {
        return reject(error);
      }
    };
  };
  const service = (name) => lazy(`services.${name}`, (member) => method(name, member));
  kit.global("services", lazy("services", service));
});
