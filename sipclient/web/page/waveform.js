// The peaks of a recording on a canvas: one lane, or A above B; what was played is darker. A click goes there.

export class Waveform {
  constructor(canvas, audio) {
    Object.assign(this, { canvas, audio, peaks: [] });
    for (const name of ["timeupdate", "seeked", "loadedmetadata", "ended"]) audio.addEventListener(name, () => this.draw());
    canvas.addEventListener("click", (event) => this.#seek(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  show(peaks) {
    this.peaks = peaks.map((each) => (Array.isArray(each) ? each : [each]));
    const loudest = this.peaks.flat().reduce((most, each) => Math.max(most, each), 0);
    this.scale = 1 / Math.max(0.1, loudest); // a telephone is seldom loud; silence stays flat
    this.draw();
  }

  draw() {
    const { canvas, audio, peaks } = this;
    const { width, height } = canvas.getBoundingClientRect();
    const dense = devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(width * dense));
    canvas.height = Math.max(1, Math.round(height * dense));
    const pen = canvas.getContext("2d");
    pen.scale(dense, dense);
    const style = getComputedStyle(canvas);
    const lanes = peaks[0]?.length ?? 1;
    const lane = height / lanes;
    const done = audio.duration ? (audio.currentTime / audio.duration) * width : 0;
    for (let channel = 0; channel < lanes; channel++) {
      const middle = lane * (channel + 0.5);
      const color = style.getPropertyValue(channel ? "--wave-b" : "--wave-a");
      peaks.forEach((peak, place) => {
        const x = (place / peaks.length) * width;
        const reach = Math.max(0.5, (peak[channel] ?? 0) * this.scale * (lane / 2 - 2));
        pen.globalAlpha = x < done ? 1 : 0.45;
        pen.fillStyle = color;
        pen.fillRect(x, middle - reach, Math.max(1, width / peaks.length - 0.6), reach * 2);
      });
    }
    pen.globalAlpha = 1;
    pen.fillStyle = style.getPropertyValue("--ink");
    if (done) pen.fillRect(done, 0, 1, height);
  }

  #seek(event) {
    if (!this.audio.duration) return;
    const { left, width } = this.canvas.getBoundingClientRect();
    this.audio.currentTime = ((event.clientX - left) / width) * this.audio.duration;
  }
}
