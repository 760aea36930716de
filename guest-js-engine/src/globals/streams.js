// `ReadableStream`, after the streams standard: default readers and controllers, `tee`, `from` and async iteration.
// Byte streams, pipes, and writable and transform streams are not there.
(function (native, kit) {
  "use strict";
  const { typeError, rangeError, describe, isObject, need, dictionary, push, apply, defineProperty } = kit;
  const { then, resolved, reject, Promise, getPrototypeOf } = kit;
  const iterateAsync = Symbol.asyncIterator,
    iterate = Symbol.iterator;
  const asyncIteratorPrototype = getPrototypeOf(getPrototypeOf(async function* () {}.prototype));
  const toNumber = Number,
    create = Object.create;

  const READABLE = 0,
    CLOSED = 1,
    ERRORED = 2;
  const nothing = () => undefined;

  // A promise with its functions.
  const deferred = () => {
    const made = {};
    made.promise = new Promise((resolve, fail) => {
      made.resolve = resolve;
      made.reject = fail;
    });
    return made;
  };
  // Nobody has to listen to it.
  const handled = (promise) => void then(promise, nothing, nothing);
  let making = null;

  // The controller of a stream, and with it the stream's queue.
  class ReadableStreamDefaultController {
    #stream;
    #queue = [];
    #sizes = [];
    #total = 0;
    #started = false;
    #closing = false;
    #pulling = false;
    #pullAgain = false;
    #pull;
    #cancel;
    #size;
    #highWaterMark;

    constructor() {
      if (making === null) throw typeError("a ReadableStreamDefaultController cannot be constructed");
      ({
        stream: this.#stream,
        pull: this.#pull,
        cancel: this.#cancel,
        size: this.#size,
        highWaterMark: this.#highWaterMark,
      } = making);
      making = null;
    }
    static {
      kit.controllers = {
        start(controller, started) {
          then(
            resolved(started),
            () => {
              controller.#started = true;
              controller.#pullIfNeeded();
            },
            (error) => controller.#fail(error),
          );
        },
        // Take a chunk for a reader, or have it wait for one.
        read(controller, request) {
          if (controller.#queue.length === 0) {
            push(states.of(controller.#stream).requests, request);
            controller.#pullIfNeeded();
            return;
          }
          const chunk = controller.#dequeue();
          if (controller.#closing && controller.#queue.length === 0) {
            controller.#clear();
            states.close(controller.#stream);
          } else {
            controller.#pullIfNeeded();
          }
          request.chunk(chunk);
        },
        cancel(controller, reason) {
          controller.#reset();
          const cancel = controller.#cancel;
          controller.#clear();
          return cancel(reason);
        },
        enqueue: (controller, chunk) => controller.#enqueue(chunk),
        close: (controller) => controller.#close(),
        fail: (controller, error) => controller.#fail(error),
        canEnqueue: (controller) => controller.#canEnqueue(),
      };
    }
    #dequeue() {
      const chunk = this.#queue[0];
      this.#total -= this.#sizes[0];
      if (this.#total < 0) this.#total = 0;
      shift(this.#queue);
      shift(this.#sizes);
      return chunk;
    }
    #reset() {
      this.#queue = [];
      this.#sizes = [];
      this.#total = 0;
    }
    #clear() {
      this.#pull = this.#cancel = nothing;
      this.#size = undefined;
    }
    #canEnqueue() {
      return !this.#closing && states.of(this.#stream).state === READABLE;
    }
    #desired() {
      const { state } = states.of(this.#stream);
      return state === ERRORED ? null : state === CLOSED ? 0 : this.#highWaterMark - this.#total;
    }
    #shouldPull() {
      if (!this.#canEnqueue() || !this.#started) return false;
      const { reader, requests } = states.of(this.#stream);
      return (reader !== undefined && requests.length > 0) || this.#desired() > 0;
    }
    #pullIfNeeded() {
      if (!this.#shouldPull()) return;
      if (this.#pulling) {
        this.#pullAgain = true;
        return;
      }
      this.#pulling = true;
      then(
        this.#pull(),
        () => {
          this.#pulling = false;
          if (!this.#pullAgain) return;
          this.#pullAgain = false;
          this.#pullIfNeeded();
        },
        (error) => this.#fail(error),
      );
    }
    #close() {
      if (!this.#canEnqueue()) return;
      this.#closing = true;
      if (this.#queue.length > 0) return;
      this.#clear();
      states.close(this.#stream);
    }
    #enqueue(chunk) {
      if (!this.#canEnqueue()) return;
      const { reader, requests } = states.of(this.#stream);
      if (reader !== undefined && requests.length > 0) {
        shift(requests).chunk(chunk);
      } else {
        let size;
        try {
          size = this.#size === undefined ? 1 : toNumber(this.#size(chunk));
          if (!(size >= 0 && size < Infinity)) throw rangeError("the size of a chunk must be a finite number from 0");
        } catch (error) {
          this.#fail(error);
          throw error;
        }
        push(this.#queue, chunk);
        push(this.#sizes, size);
        this.#total += size;
      }
      this.#pullIfNeeded();
    }
    #fail(error) {
      if (states.of(this.#stream).state !== READABLE) return;
      this.#reset();
      this.#clear();
      states.fail(this.#stream, error);
    }
    get desiredSize() {
      return this.#desired();
    }
    close() {
      if (!this.#canEnqueue()) throw typeError("the stream is closed already, or is closing");
      this.#close();
    }
    enqueue(chunk) {
      if (!this.#canEnqueue()) throw typeError("the stream is closed: nothing can be enqueued");
      this.#enqueue(chunk);
    }
    error(error) {
      this.#fail(error);
    }
  }
  const { controllers } = kit;
  const shift = kit.uncurry(Array.prototype.shift);

  class ReadableStream {
    // `state`, `stored` (the error), `reader`, `requests` (reads that wait), `disturbed`, `controller`.
    #state = { state: READABLE, stored: undefined, reader: undefined, requests: [], disturbed: false, controller: null };

    constructor(source, strategy) {
      if (source === null || (source !== undefined && !isObject(source)))
        throw typeError(`ReadableStream: the source must be an object, not ${describe(source)}`);
      const given = dictionary("ReadableStream", strategy);
      const { highWaterMark, size } = given;
      const settings = sourceOf(source ?? {});
      if (size !== undefined && typeof size !== "function")
        throw typeError(`ReadableStream: the strategy's size must be a function, not ${describe(size)}`);
      const mark = highWaterMark === undefined ? 1 : toNumber(highWaterMark);
      if (!(mark >= 0)) throw rangeError(`ReadableStream: the highWaterMark must be a number from 0, not ${kit.inspect(highWaterMark)}`);
      this.#begin(settings, mark, size === undefined ? undefined : (chunk) => size(chunk));
    }
    static {
      kit.states = {
        of: (stream) => stream.#state,
        close: (stream) => stream.#close(),
        fail: (stream, error) => stream.#fail(error),
      };
      kit.isStream = (value) => isObject(value) && #state in value;
      kit.isDisturbed = (stream) => stream.#state.disturbed;
      kit.isLocked = (stream) => stream.#state.reader !== undefined;
      kit.cancelStream = (stream, reason) => stream.#cancel(reason);
    }
    #begin(settings, highWaterMark, size) {
      making = { stream: this, pull: settings.pull, cancel: settings.cancel, size, highWaterMark };
      const controller = new ReadableStreamDefaultController();
      this.#state.controller = controller;
      controllers.start(controller, settings.start(controller));
    }
    #close() {
      const state = this.#state;
      state.state = CLOSED;
      if (state.reader === undefined) return;
      const { requests } = state;
      state.requests = [];
      readers.closed(state.reader).resolve(undefined);
      for (let i = 0; i < requests.length; i++) requests[i].close();
    }
    #fail(error) {
      const state = this.#state;
      state.state = ERRORED;
      state.stored = error;
      if (state.reader === undefined) return;
      const { requests } = state;
      state.requests = [];
      const closed = readers.closed(state.reader);
      closed.reject(error);
      handled(closed.promise);
      for (let i = 0; i < requests.length; i++) requests[i].fail(error);
    }
    #cancel(reason) {
      const state = this.#state;
      state.disturbed = true;
      if (state.state === CLOSED) return resolved(undefined);
      if (state.state === ERRORED) return reject(state.stored);
      this.#close();
      return then(controllers.cancel(state.controller, reason), nothing);
    }
    get locked() {
      return this.#state.reader !== undefined;
    }
    cancel(reason) {
      try {
        if (this.#state.reader !== undefined) throw typeError("ReadableStream.cancel: the stream is locked to a reader");
        return this.#cancel(reason);
      } catch (error) {
        return reject(error);
      }
    }
    getReader(options) {
      this.#state;
      const { mode } = dictionary("ReadableStream.getReader", options);
      if (mode !== undefined)
        throw typeError(`ReadableStream.getReader: there are no byte streams, and no mode ${kit.inspect(kit.domString(mode))}`);
      return new ReadableStreamDefaultReader(this);
    }
    tee() {
      return kit.teeStream(this);
    }
    values(options) {
      this.#state;
      const { preventCancel } = dictionary("ReadableStream.values", options);
      return iterator(new ReadableStreamDefaultReader(this), !!preventCancel);
    }
    static from(iterable) {
      need("ReadableStream.from", arguments.length, 1);
      return kit.streamFromIterable(iterable);
    }
  }
  const { states } = kit;

  const sourceOf = (source) => {
    const method = (name) => {
      const value = source[name];
      if (value === undefined) return undefined;
      if (typeof value !== "function")
        throw typeError(`ReadableStream: the source's ${name} must be a function, not ${describe(value)}`);
      return value;
    };
    // In the order in which a dictionary's members are read.
    source.autoAllocateChunkSize;
    const cancel = method("cancel"),
      pull = method("pull"),
      start = method("start"),
      { type } = source;
    if (type !== undefined)
      throw typeError(`ReadableStream: there are no streams of the type ${kit.inspect(kit.domString(type))}; leave it out`);
    const promised = (callback, values) => {
      try {
        return resolved(apply(callback, source, values));
      } catch (error) {
        return reject(error);
      }
    };
    let controller;
    return {
      start: (made) => {
        controller = made;
        return start === undefined ? undefined : apply(start, source, [made]);
      },
      pull: pull === undefined ? resolved : () => promised(pull, [controller]),
      cancel: cancel === undefined ? resolved : (reason) => promised(cancel, [reason]),
    };
  };

  class ReadableStreamDefaultReader {
    #stream;
    #closed = deferred();

    constructor(stream) {
      need("ReadableStreamDefaultReader", arguments.length, 1);
      if (!kit.isStream(stream))
        throw typeError(`ReadableStreamDefaultReader: the stream must be a ReadableStream, not ${describe(stream)}`);
      const state = states.of(stream);
      if (state.reader !== undefined) throw typeError("the stream is locked to a reader");
      this.#stream = stream;
      state.reader = this;
      if (state.state === CLOSED) this.#closed.resolve(undefined);
      if (state.state === ERRORED) {
        this.#closed.reject(state.stored);
        handled(this.#closed.promise);
      }
    }
    static {
      kit.readers = {
        closed: (reader) => reader.#closed,
        read: (reader, request) => reader.#read(request),
        release: (reader) => reader.#release(),
        stream: (reader) => reader.#stream,
      };
    }
    #read(request) {
      const state = states.of(this.#stream);
      state.disturbed = true;
      if (state.state === CLOSED) request.close();
      else if (state.state === ERRORED) request.fail(state.stored);
      else controllers.read(state.controller, request);
    }
    #release() {
      const state = states.of(this.#stream),
        error = typeError("the reader was released");
      if (state.state !== READABLE) this.#closed = deferred();
      this.#closed.reject(error);
      handled(this.#closed.promise);
      state.reader = undefined;
      this.#stream = undefined;
      const { requests } = state;
      state.requests = [];
      for (let i = 0; i < requests.length; i++) requests[i].fail(error);
    }
    get closed() {
      try {
        return this.#closed.promise;
      } catch (error) {
        return reject(error);
      }
    }
    cancel(reason) {
      try {
        if (this.#stream === undefined) throw typeError("the reader was released");
        return kit.cancelStream(this.#stream, reason);
      } catch (error) {
        return reject(error);
      }
    }
    read() {
      try {
        if (this.#stream === undefined) throw typeError("the reader was released");
        const made = deferred();
        this.#read({
          chunk: (value) => made.resolve({ value, done: false }),
          close: () => made.resolve({ value: undefined, done: true }),
          fail: (error) => made.reject(error),
        });
        return made.promise;
      } catch (error) {
        return reject(error);
      }
    }
    releaseLock() {
      if (this.#stream !== undefined) this.#release();
    }
  }
  const { readers } = kit;

  // The async iterator of a stream. Calls wait for each other.
  const streamIteratorPrototype = create(asyncIteratorPrototype);
  const cursors = new WeakMap();
  const cursorOf = kit.uncurry(WeakMap.prototype.get).bind(undefined, cursors),
    setCursor = kit.uncurry(WeakMap.prototype.set).bind(undefined, cursors);
  const iterator = (reader, preventCancel) => {
    const made = create(streamIteratorPrototype);
    setCursor(made, { reader, preventCancel, ongoing: undefined, isSettled: false, finished: false });
    return made;
  };
  const inTurn = (cursor, step) => {
    if (cursor.ongoing !== undefined) return (cursor.ongoing = then(cursor.ongoing, step, step));
    cursor.isSettled = false;
    const promise = step();
    if (!cursor.isSettled) cursor.ongoing = promise;
    return promise;
  };
  const nextStep = (cursor) => {
    if (cursor.finished) return resolved({ value: undefined, done: true });
    const made = deferred();
    // What comes next need not wait: QuickJS does not wait for the `return` of a loop that is left.
    const settle = () => {
      cursor.ongoing = undefined;
      cursor.isSettled = true;
    };
    const end = () => {
      settle();
      cursor.finished = true;
      readers.release(cursor.reader);
    };
    readers.read(cursor.reader, {
      chunk: (value) => {
        settle();
        made.resolve({ value, done: false });
      },
      close: () => {
        end();
        made.resolve({ value: undefined, done: true });
      },
      fail: (error) => {
        end();
        made.reject(error);
      },
    });
    return made.promise;
  };
  const returnStep = (cursor, value) => {
    const result = { value, done: true };
    if (cursor.finished) return resolved(result);
    cursor.finished = true;
    const { reader } = cursor;
    if (cursor.preventCancel) {
      readers.release(reader);
      return resolved(result);
    }
    const canceled = kit.cancelStream(readers.stream(reader), value);
    readers.release(reader);
    return then(canceled, () => result);
  };
  const withCursor = (iterator, step) => {
    const cursor = isObject(iterator) ? cursorOf(iterator) : undefined;
    return cursor === undefined ? reject(typeError("not the iterator of a ReadableStream")) : inTurn(cursor, () => step(cursor));
  };
  const iteratorMembers = {
    next() {
      return withCursor(this, nextStep);
    },
    return(value) {
      return withCursor(this, (cursor) => returnStep(cursor, value));
    },
  };
  for (const name of ["next", "return"])
    defineProperty(streamIteratorPrototype, name, {
      value: iteratorMembers[name],
      writable: true,
      enumerable: true,
      configurable: true,
    });

  Object.assign(kit, { ReadableStream, ReadableStreamDefaultReader, deferred });
  kit.arity(ReadableStream.prototype, { cancel: 0, getReader: 0, values: 0 });
  kit.arity(ReadableStreamDefaultReader.prototype, { cancel: 0 });
  kit.arity(ReadableStreamDefaultController.prototype, { enqueue: 0, error: 0 });
  defineProperty(ReadableStream, "length", { value: 0 });
  defineProperty(ReadableStream, "from", { enumerable: true });
  kit.webClass(ReadableStream, "ReadableStream");
  kit.webClass(ReadableStreamDefaultReader, "ReadableStreamDefaultReader");
  kit.webClass(ReadableStreamDefaultController, "ReadableStreamDefaultController");
  defineProperty(ReadableStream.prototype, iterateAsync, {
    value: ReadableStream.prototype.values,
    writable: true,
    configurable: true,
  });
});
