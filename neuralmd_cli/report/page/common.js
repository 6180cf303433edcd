"use strict";
// What the view and the charts share: the data, which trajectory is shown, numbers.
const report = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const listeners = [];
  let chosen = 0;

  const choose = (k) => {
    chosen = k;
    document.querySelectorAll("select[data-replica]").forEach((s) => { s.value = k; });
    listeners.forEach((listener) => listener(k));
  };
  document.querySelectorAll("select[data-replica]").forEach((s) => {
    s.addEventListener("change", () => choose(Number(s.value)));
  });

  // Base64 of little-endian 16-bit hundredths of an Å; -32768 is no number.
  const unpack = (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const found = new Float32Array(bytes.length / 2);
    for (let k = 0; k < found.length; k += 1) {
      const step = view.getInt16(2 * k, true);
      found[k] = step === -32768 ? NaN : step / 100;
    }
    return found;
  };

  return {
    data,
    names: data.names,
    get chosen() { return chosen; },
    choose,
    onChoice: (listener) => listeners.push(listener),
    unpack,
  };
})();
