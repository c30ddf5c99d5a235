// A telephone in a browser, driven by the tests through `phone`. It speaks a tone and measures what it hears.
"use strict";

const phone = {
  ua: null,
  session: null,
  said: [],        // what happened, in order: "registered", "incoming", "confirmed", "ended: Terminated" ...
  keys: [],        // key presses that came by SIP INFO
  sdp: {},         // descriptions by "local offer", "remote answer" ...
  options: {},
  context: null,
  analyser: null,
  heardStream: null, // what the far end says
  recorder: null,

  // options: {uri, password, server, register, iceServers, iceTransportPolicy, microphone, tone, video}
  start(options) {
    phone.options = options;
    const ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(options.server)],
      uri: options.uri,
      password: options.password || "",
      register: options.register !== false,
      session_timers: false,
    });
    for (const event of ["connected", "disconnected", "registered", "unregistered", "registrationFailed"]) {
      ua.on(event, () => phone.said.push(event));
    }
    ua.on("newRTCSession", ({ originator, session }) => {
      phone.session = session;
      phone._watch(session);
      if (originator === "remote") phone.said.push("incoming");
    });
    phone.ua = ua;
    ua.start();
  },

  _watch(session) {
    for (const event of ["progress", "accepted", "confirmed", "hold", "unhold"]) {
      session.on(event, ({ originator }) => phone.said.push(originator === "remote" ? `${event} by peer` : event));
    }
    for (const event of ["ended", "failed"]) session.on(event, ({ cause }) => phone.said.push(`${event}: ${cause}`));
    session.on("newDTMF", ({ originator, dtmf }) => originator === "remote" && phone.keys.push(dtmf.tone));
    session.on("sdp", ({ originator, type, sdp }) => (phone.sdp[`${originator} ${type}`] = sdp));
    session.on("peerconnection", ({ peerconnection }) => phone._hear(peerconnection));
    if (session.connection) phone._hear(session.connection);
  },

  _hear(connection) {
    connection.addEventListener("track", ({ track }) => {
      if (track.kind !== "audio") return;
      const stream = (phone.heardStream = new MediaStream([track]));
      const element = new Audio();  // without a sink of its own Chromium does not pull remote audio
      element.srcObject = stream;
      element.play();
      const context = phone._context();
      context.resume();
      phone.analyser = context.createAnalyser();
      phone.analyser.fftSize = 8192;
      context.createMediaStreamSource(stream).connect(phone.analyser);
    });
  },

  _context() {
    phone.context = phone.context || new AudioContext({ sampleRate: 48000 });
    return phone.context;
  },

  async _voice() {
    if (phone.options.microphone) {
      const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      return navigator.mediaDevices.getUserMedia({ audio: plain });
    }
    const context = phone._context();
    await context.resume();
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    const destination = context.createMediaStreamDestination();
    oscillator.frequency.value = phone.options.tone || 440;
    gain.gain.value = 0.25;
    oscillator.connect(gain).connect(destination);
    oscillator.start();
    return destination.stream;
  },

  async _terms() {
    return {
      mediaStream: await phone._voice(),
      pcConfig: {
        iceServers: phone.options.iceServers || [],
        iceTransportPolicy: phone.options.iceTransportPolicy || "all",
        bundlePolicy: phone.options.video ? "max-bundle" : "balanced",
      },
    };
  },

  async call(target) {
    // A video call whose video comes first: under max-bundle the audio is on its transport.
    const first = ({ peerconnection }) => phone.options.video && peerconnection.addTransceiver("video");
    const eventHandlers = { peerconnection: first };
    phone.ua.call(target, { ...(await phone._terms()), eventHandlers, extraHeaders: ["X-From: a browser"] });
  },

  async answer() {
    phone.session.answer(await phone._terms());
  },

  // Resolves once the far end has answered the new offer.
  hold(on) {
    return new Promise((done) => (on ? phone.session.hold({}, done) : phone.session.unhold({}, done)));
  },

  hangup() {
    phone.session.terminate();
  },

  press(tone) {
    phone.session.sendDTMF(tone, { transportType: "RFC2833" });
  },

  // The strongest frequency that is heard, in Hz, and its level in dB below full scale.
  heard() {
    if (!phone.analyser) return null;
    const bins = new Float32Array(phone.analyser.frequencyBinCount);
    phone.analyser.getFloatFrequencyData(bins);
    let best = 0;
    for (let bin = 0; bin < bins.length; bin++) if (bins[bin] > bins[best]) best = bin;
    return { frequency: (best * phone.context.sampleRate) / phone.analyser.fftSize, level: bins[best] };
  },

  // Record what is heard to a file of the browser's own making, from now on ...
  record() {
    const recorder = (phone.recorder = new MediaRecorder(phone.heardStream));
    const pieces = [];
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    phone.recorded = new Promise((done) => {
      recorder.onstop = () => done(new Blob(pieces, { type: recorder.mimeType }));
    });
    recorder.start();
  },

  // ... until now: the file, in base64.
  async file() {
    phone.recorder.stop();
    const blob = await phone.recorded;
    const reader = new FileReader();
    const read = new Promise((done) => (reader.onload = () => done(reader.result)));
    reader.readAsDataURL(blob);
    return (await read).split(",")[1];
  },

  // For the words of a failed test.
  async state() {
    const connection = phone.session && phone.session.connection;
    const inbound = connection ? ((await phone.stats())["inbound-rtp"] || [])[0] : null;
    return JSON.stringify({
      said: phone.said,
      ice: connection && connection.iceConnectionState,
      dtls: connection && connection.connectionState,
      packets: inbound && inbound.packetsReceived,
      concealed: inbound && inbound.concealedSamples,
      context: phone.context && phone.context.state,
    });
  },

  async stats() {
    const found = {};
    (await phone.session.connection.getStats()).forEach((report) => {
      if (["inbound-rtp", "outbound-rtp", "candidate-pair", "codec", "transport"].includes(report.type)) {
        (found[report.type] = found[report.type] || []).push(report);
      }
      if (report.type.endsWith("-candidate")) (found[report.type] = found[report.type] || []).push(report);
    });
    return found;
  },
};
