// `services`: every name is a service, and every name of a service a method; the host knows which there are.
//
// The proxy is only the prototype. What it finds becomes a property of the object in front of it, so that the second
// `services.products.get` is a plain property.
(function (native, kit) {
  "use strict";
  const { Proxy, string, stringify, reject, typeError, defineProperty } = kit;
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

  const service = (service) =>
    lazy(`services.${service}`, (method) => (...values) => {
      try {
        string("services", "name of the service", service);
        string(`services.${service}`, "name of the method", method);
        return native.call(service, method, stringify(values));
      } catch (error) {
        return reject(error);
      }
    });
  kit.global("services", lazy("services", service));
});
