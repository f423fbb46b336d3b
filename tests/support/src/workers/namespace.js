// The binding REGISTRY of an edge whose Registry objects live in another process. workerd itself
// has no such binding; on Cloudflare the same calls cross machines.

class DurableObjectNamespace {
  #service;
  #caller;
  constructor(service, caller) {
    this.#service = service;
    this.#caller = caller;
  }
  getByName(name) {
    return {
      fetch: (input, init) => {
        const request = new Request(input, init);
        const forwarded = new Request(`http://registry/${name}`, request);
        forwarded.headers.set("X-Caller", this.#caller);
        return this.#service.fetch(forwarded);
      },
    };
  }
  idFromName(name) {
    return name;
  }
  get(id) {
    return this.getByName(id);
  }
}

export default (env) => new DurableObjectNamespace(env.SERVICE, env.CALLER);
