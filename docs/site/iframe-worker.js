// A page on the disk may start no worker; its search runs in a hidden frame instead.
if (location.protocol === 'file:') {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = Object.assign(document.createElement('iframe'), { hidden: true });
      document.body.append(frame);
      this.inside = frame.contentWindow;
      this.ready = new Promise(done => {
        this.inside.postMessage = data => this.dispatchEvent(new MessageEvent('message', { data }));
        this.inside.importScripts = (...urls) => Promise.all(urls.map(each => this.load(each)));
        this.load(url).then(done);
      });
    }
    load(url) {
      return new Promise((done, failed) => {
        const script = this.inside.document.createElement('script');
        Object.assign(script, { src: new URL(url, location.href), onload: done, onerror: failed });
        this.inside.document.body.append(script);
      });
    }
    postMessage(data) { this.ready.then(() => this.inside.dispatchEvent(new MessageEvent('message', { data }))); }
  };
}
