// A browser starts no Worker for pages that are opened as files, and the search needs one: here it runs in a hidden frame.
if (location.protocol === "file:") {
  class IFrameWorker extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.importScripts = (...scripts) => Promise.all(scripts.map((source) => load(inside.document, source)));
      this.loaded = load(inside.document, url).then(() => {
        // What the script inside posts goes out; what is posted to it comes in as an event of its window.
        inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      });
      this.inside = inside;
    }

    postMessage(data) {
      this.loaded.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.inside.frameElement.remove();
    }
  }

  const load = (page, source) =>
    new Promise((resolve, reject) => {
      const script = page.createElement("script");
      script.src = source;
      script.onload = resolve;
      script.onerror = reject;
      page.body.append(script);
    });

  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
}
