// Counts the sockets of a page, before any of its programs runs.
const made = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    made.push(this);
  }
};
window.sockets = () => ({ made: made.length, open: made.filter(({ readyState }) => readyState < 2).length });
