// What streams are made of and used for: `tee`, `from`, and the streams behind bodies.
(function (native, kit) {
  "use strict";
  const { typeError, describe, isObject, push, apply, then, resolved, deferred } = kit;
  const { controllers, readers, states, ReadableStream, ReadableStreamDefaultReader } = kit;
  const iterateAsync = Symbol.asyncIterator,
    iterate = Symbol.iterator;
  const nothing = () => undefined;

  // A stream whose functions are the platform's own.
  const streamFrom = (pull, cancel, highWaterMark = 1) => {
    let controller;
    const stream = new ReadableStream(
      {
        __proto__: null,
        start: (made) => {
          controller = made;
        },
        pull,
        cancel,
      },
      { __proto__: null, highWaterMark },
    );
    return { stream, controller };
  };

  // Two streams of the same chunks; for bodies, the second gets copies.
  kit.teeStream = (stream, isCopied = false) => {
    const reader = new ReadableStreamDefaultReader(stream);
    let reading = false,
      again = false;
    const canceled = [false, false],
      reasons = [undefined, undefined],
      ended = deferred();
    const pull = () => {
      if (reading) {
        again = true;
        return;
      }
      reading = true;
      readers.read(reader, {
        // In a microtask of its own, so that an error of the stream comes first.
        chunk: (chunk) =>
          void then(resolved(), () => {
            again = false;
            give(chunk);
            reading = false;
            if (again) pull();
          }),
        close: () => {
          reading = false;
          for (let i = 0; i < 2; i++) if (!canceled[i]) controllers.close(branches[i].controller);
          if (!canceled[0] || !canceled[1]) ended.resolve(undefined);
        },
        fail: () => {
          reading = false;
        },
      });
    };
    const give = (chunk) => {
      let second = chunk;
      if (isCopied && !canceled[1]) {
        try {
          second = kit.cloneValue(chunk);
        } catch (error) {
          for (let i = 0; i < 2; i++) controllers.fail(branches[i].controller, error);
          ended.resolve(kit.cancelStream(stream, error));
          return;
        }
      }
      if (!canceled[0]) controllers.enqueue(branches[0].controller, chunk);
      if (!canceled[1]) controllers.enqueue(branches[1].controller, second);
    };
    const cancel = (which) => (reason) => {
      canceled[which] = true;
      reasons[which] = reason;
      if (canceled[0] && canceled[1]) ended.resolve(kit.cancelStream(stream, reasons));
      return ended.promise;
    };
    const branches = [streamFrom(pull, cancel(0)), streamFrom(pull, cancel(1))];
    then(readers.closed(reader).promise, nothing, (error) => {
      for (let i = 0; i < 2; i++) controllers.fail(branches[i].controller, error);
      if (!canceled[0] || !canceled[1]) ended.resolve(undefined);
    });
    return [branches[0].stream, branches[1].stream];
  };

  kit.streamFromIterable = (iterable) => {
    if (!isObject(iterable) && typeof iterable !== "string")
      throw typeError(`ReadableStream.from: ${describe(iterable)} cannot be iterated`);
    const method = iterable[iterateAsync] ?? iterable[iterate];
    if (typeof method !== "function") throw typeError(`ReadableStream.from: ${describe(iterable)} cannot be iterated`);
    const source = apply(method, iterable, []);
    if (!isObject(source)) throw typeError("ReadableStream.from: the iterator is no object");
    const { next } = source;
    const made = streamFrom(
      async () => {
        const step = await apply(next, source, []);
        if (!isObject(step)) throw typeError("ReadableStream.from: the iterator's result is no object");
        if (step.done) controllers.close(made.controller);
        else controllers.enqueue(made.controller, await step.value);
      },
      async (reason) => {
        const end = source.return;
        if (end === undefined || end === null) return;
        if (!isObject(await apply(end, source, [reason]))) throw typeError("ReadableStream.from: the iterator's result is no object");
      },
      0,
    );
    return made.stream;
  };

  // A stream of one chunk.
  kit.streamOf = (bytes) => {
    const { stream, controller } = streamFrom(undefined, undefined, 0);
    if (bytes.length > 0) controllers.enqueue(controller, bytes);
    controllers.close(controller);
    return stream;
  };
  // A stream of a body that was read whole: closed, and locked.
  kit.spentStream = () => kit.spend(kit.streamOf(new kit.Bytes(0)));
  // Its content was taken in another way: nobody else may read it.
  kit.spend = (stream) => {
    void then(kit.cancelStream(stream), nothing, nothing);
    new ReadableStreamDefaultReader(stream);
    return stream;
  };
  // Another stream of the same chunks, which keeps this one locked.
  kit.passOn = (stream) => {
    const reader = new ReadableStreamDefaultReader(stream);
    states.of(stream).disturbed = true;
    const made = streamFrom(
      () =>
        new kit.Promise((resolve) =>
          readers.read(reader, {
            chunk: (chunk) => resolve(controllers.enqueue(made.controller, chunk)),
            close: () => resolve(controllers.close(made.controller)),
            fail: (error) => resolve(controllers.fail(made.controller, error)),
          }),
        ),
      (reason) => kit.cancelStream(stream, reason),
      0,
    );
    return made.stream;
  };
  // All bytes of a stream; it stays locked.
  kit.collect = (stream) => {
    const reader = new ReadableStreamDefaultReader(stream),
      made = deferred(),
      chunks = [];
    const next = () =>
      readers.read(reader, {
        chunk: (chunk) => {
          const bytes = kit.isByteArray(chunk) ? kit.bytesOf(chunk) : undefined;
          if (bytes === undefined) {
            const error = typeError(`the stream of a body must give Uint8Array chunks, not ${describe(chunk)}`);
            void then(kit.cancelStream(stream, error), nothing, nothing);
            made.reject(error);
            return;
          }
          push(chunks, kit.copyBytes(bytes));
          // A chunk that is there already must not deepen the stack.
          then(resolved(), next);
        },
        close: () => made.resolve(kit.concat(chunks)),
        fail: (error) => made.reject(error),
      });
    next();
    return made.promise;
  };

  // The two strategies of the standard.
  const strategy = (name, size) => {
    const made = {
      [name]: class {
        #highWaterMark;
        constructor(init) {
          kit.need(name, arguments.length, 1);
          const { highWaterMark } = kit.dictionary(name, init);
          if (highWaterMark === undefined) throw typeError(`${name}: the highWaterMark is missing`);
          this.#highWaterMark = +highWaterMark;
        }
        get highWaterMark() {
          return this.#highWaterMark;
        }
        get size() {
          this.#highWaterMark;
          return size;
        }
      },
    }[name];
    kit.webClass(made, name);
  };
  strategy("CountQueuingStrategy", { size: () => 1 }.size);
  strategy("ByteLengthQueuingStrategy", { size: (chunk) => chunk.byteLength }.size);
});
