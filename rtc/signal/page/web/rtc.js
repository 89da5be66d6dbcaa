'use strict';

// What the page does is told by its name; its query fills the form in:
// app, stream, vhost, server, port, schema, url, codec, source, token, autostart.
const $ = id => document.getElementById(id);
const name = location.pathname.split('/').pop();
const query = new URLSearchParams(location.search);
const publishing = name === 'whip.html' || name === 'rtc_publisher.html';
const json = name.startsWith('rtc_');
const figures = {}; // what the table shows, for scripts

let session = null;

function say(text) { $('state').value = text; }

// origin is that of the server's signalling.
function origin() {
  const scheme = query.get('schema') || location.protocol.replace(':', '');
  const host = query.get('server') || location.hostname;
  const port = query.get('api') || query.get('port') || (query.get('server') ? '' : location.port);
  return `${scheme}://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}${port ? ':' + port : ''}`;
}

function defaultURL() {
  const app = query.get('app') || 'live', stream = query.get('stream') || 'livestream', vhost = query.get('vhost');
  if (json) {
    const host = new URL(origin()).host;
    return `webrtc://${host}/${app}/${stream}${vhost ? '?vhost=' + encodeURIComponent(vhost) : ''}`;
  }
  const u = new URL(origin() + `/rtc/v1/${publishing ? 'whip' : 'whep'}/`);
  u.searchParams.set('app', app);
  u.searchParams.set('stream', stream);
  if (vhost) u.searchParams.set('vhost', vhost);
  return u.href;
}

// testPicture gives a moving picture with a clock, and a tone.
function testPicture() {
  const canvas = document.createElement('canvas');
  canvas.width = 640; canvas.height = 360;
  const c = canvas.getContext('2d');
  const colors = ['#fff', '#ff0', '#0ff', '#0f0', '#f0f', '#f00', '#00f', '#000'];
  let n = 0;
  const draw = () => {
    colors.forEach((color, i) => { c.fillStyle = color; c.fillRect(i * 80, 0, 80, 360); });
    c.fillStyle = '#333'; c.fillRect(n * 4 % 680 - 40, 250, 40, 60);
    c.fillStyle = '#000'; c.fillRect(180, 130, 280, 70);
    c.fillStyle = '#fff'; c.font = '40px monospace'; c.textAlign = 'center';
    c.fillText(new Date().toISOString().slice(11, 23), 320, 180);
    n++;
  };
  draw();
  const timer = setInterval(draw, 33);
  const audio = new AudioContext(), tone = audio.createOscillator(), gain = audio.createGain();
  const out = audio.createMediaStreamDestination();
  tone.frequency.value = 440; gain.gain.value = 0.2;
  tone.connect(gain).connect(out);
  tone.start();
  const media = canvas.captureStream(30);
  out.stream.getAudioTracks().forEach(t => media.addTrack(t));
  return { media, end() { clearInterval(timer); audio.close(); } };
}

async function capture(kind) {
  switch (kind) {
    case 'canvas': return testPicture();
    case 'screen': return { media: await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true }) };
  }
  if (!navigator.mediaDevices) throw new Error('the camera needs a page by https, or from localhost');
  return { media: await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 } }, audio: true }) };
}

// prefer has a codec alone offered, besides what repairs it.
function prefer(transceiver, codec, kind) {
  const mime = { h264: 'video/H264', hevc: 'video/H265', av1: 'video/AV1', vp9: 'video/VP9', vp8: 'video/VP8' }[codec];
  const all = (kind === 'send' ? RTCRtpSender : RTCRtpReceiver).getCapabilities('video').codecs;
  const list = all.filter(c => c.mimeType === mime);
  if (!list.length) throw new Error(`this browser has no ${codec}`);
  transceiver.setCodecPreferences(list.concat(all.filter(c => /rtx|red|ulpfec/.test(c.mimeType))));
}

class Session {
  constructor(url, codec) {
    this.url = url;
    this.codec = codec;
    this.location = null;
    this.last = new Map();
    this.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.pc.oniceconnectionstatechange = () => this.changed();
  }

  headers(more) {
    const token = query.get('token');
    return token ? { ...more, Authorization: 'Bearer ' + token } : more;
  }

  async start() {
    if (publishing) {
      this.captured = await capture($('source').value);
      this.captured.media.getTracks().forEach(track => {
        const t = this.pc.addTransceiver(track, { direction: 'sendonly', streams: [this.captured.media] });
        if (track.kind === 'video' && this.codec) prefer(t, this.codec, 'send');
      });
      $('video').srcObject = this.captured.media;
    } else {
      const media = new MediaStream();
      this.pc.addTransceiver('audio', { direction: 'recvonly' });
      const t = this.pc.addTransceiver('video', { direction: 'recvonly' });
      if (this.codec) prefer(t, this.codec, 'receive');
      this.pc.ontrack = e => media.addTrack(e.track);
      $('video').srcObject = media;
    }
    const offer = await this.pc.createOffer();
    // Without this a browser takes and sends one channel.
    offer.sdp = offer.sdp.replace(/useinbandfec=1/g, 'useinbandfec=1;stereo=1');
    await this.pc.setLocalDescription(offer);
    this.answer = await (json ? this.askJSON(offer.sdp) : this.ask(offer.sdp));
    await this.pc.setRemoteDescription({ type: 'answer', sdp: this.answer });
    this.timer = setInterval(() => this.measure(), 1000);
  }

  async ask(sdp) {
    const url = new URL(this.url, location.href);
    if (this.codec) url.searchParams.set('codec', this.codec);
    const r = await fetch(url, { method: 'POST', body: sdp, headers: this.headers({ 'Content-Type': 'application/sdp' }) });
    const text = await r.text();
    if (r.status !== 201) throw new Error(`${r.status} ${text}`);
    this.location = new URL(r.headers.get('Location'), r.url);
    return text;
  }

  async askJSON(sdp) {
    const api = origin() + `/rtc/v1/${publishing ? 'publish' : 'play'}/`;
    const body = { api, streamurl: this.url, clientip: null, sdp, tid: Math.random().toString(16).slice(2, 9) };
    const r = await fetch(api + (this.codec ? '?codec=' + this.codec : ''),
      { method: 'POST', body: JSON.stringify(body), headers: this.headers({ 'Content-Type': 'application/json' }) });
    const answer = await r.json();
    if (answer.code) throw new Error(`code ${answer.code}`);
    return answer.sdp;
  }

  changed() {
    const state = this.pc.iceConnectionState;
    say(state);
    if (state === 'failed') this.restart().catch(fail);
  }

  // restart gets new credentials of ICE: the address has changed, or the way is gone (RFC 9725 4.3.3).
  async restart() {
    if (!this.location) throw new Error('the connection is lost');
    say('restarting');
    const offer = await this.pc.createOffer({ iceRestart: true });
    await this.pc.setLocalDescription(offer);
    const lines = offer.sdp.split('\r\n');
    const pick = prefix => lines.find(l => l.startsWith(prefix));
    const body = ['a=ice-options:', 'a=group:', 'm=', 'a=mid:', 'a=ice-ufrag:', 'a=ice-pwd:'].map(pick).filter(Boolean).join('\r\n') + '\r\n';
    const r = await fetch(this.location, {
      method: 'PATCH', body, headers: this.headers({ 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '*' }),
    });
    const text = await r.text();
    if (r.status !== 200) throw new Error(`${r.status} ${text}`);
    const found = prefix => text.split('\r\n').find(l => l.startsWith(prefix));
    this.answer = this.answer.replace(/a=ice-ufrag:.*/g, found('a=ice-ufrag:')).replace(/a=ice-pwd:.*/g, found('a=ice-pwd:'));
    await this.pc.setRemoteDescription({ type: 'answer', sdp: this.answer });
  }

  stop() {
    clearInterval(this.timer);
    if (this.captured) {
      this.captured.media.getTracks().forEach(t => t.stop());
      if (this.captured.end) this.captured.end();
    }
    this.pc.close();
    $('video').srcObject = null;
    if (this.location) fetch(this.location, { method: 'DELETE', headers: this.headers({}), keepalive: true }).catch(() => {});
  }

  async measure() {
    const report = await this.pc.getStats();
    const flow = publishing ? 'outbound-rtp' : 'inbound-rtp', rows = [];
    for (const s of report.values()) {
      if (s.type === flow) rows.push(this.track(s, report));
      if (s.type === 'candidate-pair' && s.nominated && s.currentRoundTripTime !== undefined) {
        figures.rtt = Math.round(s.currentRoundTripTime * 1000);
      }
    }
    if (figures.rtt !== undefined) rows.push(['round trip', `${figures.rtt} ms`]);
    show(rows);
  }

  // track gives a row of the table, and keeps its figures.
  track(s, report) {
    const bytes = publishing ? s.bytesSent : s.bytesReceived, before = this.last.get(s.id);
    this.last.set(s.id, { bytes, at: s.timestamp });
    const rate = before && s.timestamp > before.at ? Math.round((bytes - before.bytes) * 8 / (s.timestamp - before.at)) : 0;
    const told = publishing ? report.get(s.remoteId) : s;
    const codec = (report.get(s.codecId) || { mimeType: '' }).mimeType.split('/').pop();
    const lost = told ? told.packetsLost || 0 : 0;
    const f = figures[s.kind + (s.rid || '')] = {
      codec, rate, lost, packets: publishing ? s.packetsSent : s.packetsReceived,
      frames: publishing ? s.framesEncoded : s.framesDecoded, fps: s.framesPerSecond, width: s.frameWidth, height: s.frameHeight,
      energy: s.totalAudioEnergy, jitter: told && told.jitter, freezes: s.freezeCount,
    };
    const text = [codec, `${rate} kb/s`, `${lost} lost`];
    if (s.kind === 'video') text.push(`${f.width || 0}×${f.height || 0}`, `${Math.round(f.fps || 0)} fps`);
    if (f.jitter !== undefined) text.push(`jitter ${Math.round(f.jitter * 1000)} ms`);
    return [s.kind + (s.rid ? ' ' + s.rid : ''), ...text];
  }
}

function show(rows) {
  $('stats').replaceChildren(...rows.map(cells => {
    const row = document.createElement('tr');
    row.append(...cells.map(text => {
      const cell = document.createElement('td');
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
}

function stop() {
  if (session) session.stop();
  session = null;
  $('start').disabled = false;
  $('stop').disabled = true;
}

function fail(error) {
  stop();
  say('failed: ' + error.message);
}

async function start() {
  stop();
  say('connecting');
  $('start').disabled = true;
  $('stop').disabled = false;
  const mine = session = new Session($('url').value, $('codec').value);
  try {
    await mine.start();
  } catch (error) {
    if (session === mine) fail(error);
    else mine.stop();
  }
}

document.title = $('title').textContent = `${json ? 'WebRTC' : publishing ? 'WHIP' : 'WHEP'} ${publishing ? 'publisher' : 'player'}`;
$('url').value = query.get('url') || defaultURL();
$('codec').value = query.get('codec') || '';
$('source').value = query.get('source') || 'camera';
$('source').hidden = !publishing;
$('form').addEventListener('submit', e => { e.preventDefault(); start(); });
$('stop').addEventListener('click', () => { stop(); say('stopped'); });
addEventListener('pagehide', stop);

// A link must not make a page that may use the camera send its picture to somebody else.
const elsewhere = ['url', 'server', 'port', 'api', 'schema'].some(k => query.has(k));
if (query.get('autostart') === 'true' && !(publishing && elsewhere && $('source').value !== 'canvas')) start();
