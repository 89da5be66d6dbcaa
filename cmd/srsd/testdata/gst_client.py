"""Publishes by WHIP or plays by WHEP with GStreamer's webrtcbin: play|publish URL SECONDS CODEC.

Ends after that time, when it has played enough, or at a SIGTERM. Prints what it saw as JSON.
"""

import json
import signal
import sys
import urllib.request

import gi

for name in ("Gst", "GstWebRTC", "GstSdp"):
    gi.require_version(name, "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ENCODERS = {
    "H264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! video/x-h264,profile=constrained-baseline"
    " ! rtph264pay config-interval=-1 aggregate-mode=zero-latency",
    "H265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! h265parse"
    " ! rtph265pay config-interval=-1 aggregate-mode=zero-latency",
}
DECODERS = {
    "H264": "rtph264depay ! h264parse ! avdec_h264",
    "H265": "rtph265depay ! h265parse ! avdec_h265",
    "OPUS": "rtpopusdepay ! opusdec",
}
PICTURE = "application/x-rtp,media=video,encoding-name=%s,payload=96,clock-rate=90000"
SOUND = "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2"


class Client:
    def __init__(self, action, url, seconds, codec):
        self.play, self.url = action == "play", url
        self.seen = {"video": 0, "audio": 0, "loudness": 0.0, "size": "", "state": ""}
        self.location = None
        self.loop = GLib.MainLoop()
        if self.play:
            self.pipe = Gst.Pipeline()
            self.pipe.add(Gst.ElementFactory.make("webrtcbin", "rtc"))
        else:
            self.pipe = Gst.parse_launch(
                "webrtcbin name=rtc"
                " videotestsrc is-live=true ! video/x-raw,format=I420,width=320,height=240,framerate=25/1"
                f" ! queue ! {ENCODERS[codec]} ! {PICTURE % codec} ! rtc."
                " audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2"
                f" ! queue ! opusenc ! rtpopuspay ! {SOUND} ! rtc."
            )
        self.rtc = self.pipe.get_by_name("rtc")
        self.rtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        # A machine may have no address but loopback's, which libnice leaves out.
        self.ice = self.rtc.get_property("ice-agent")  # kept: webrtcbin gives it away without a reference
        self.ice.emit("add-local-ip-address", "127.0.0.1")
        if self.play:
            for caps in (PICTURE % codec + ",rtcp-fb-nack=true,rtcp-fb-nack-pli=true", SOUND):
                self.rtc.emit("add-transceiver", GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY, Gst.Caps.from_string(caps))
        self.rtc.connect("pad-added", self.on_pad)
        self.rtc.connect("notify::ice-gathering-state", self.on_gathering)
        bus = self.pipe.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)
        bus.connect("message::element", self.on_level)
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, self.finish)
        GLib.timeout_add(int(seconds * 1000), self.finish)

    def run(self):
        self.pipe.set_state(Gst.State.PLAYING)
        GLib.timeout_add(0 if self.play else 500, self.offer)  # when what is published is known
        self.loop.run()
        self.pipe.set_state(Gst.State.NULL)

    def on_error(self, bus, message):
        print(message.parse_error(), file=sys.stderr)
        self.loop.quit()

    def offer(self):
        self.rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer))
        return False

    def on_offer(self, promise):
        reply = promise.get_reply()
        self.rtc.emit("set-local-description", reply["offer"], Gst.Promise.new())

    def on_gathering(self, rtc, _):
        if rtc.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.signal)

    def signal(self):
        text = self.rtc.get_property("local-description").sdp.as_text()
        ask = urllib.request.Request(self.url, text.encode(), {"Content-Type": "application/sdp"})
        with urllib.request.urlopen(ask) as r:
            self.location = r.headers["Location"]
            _, sdp = GstSdp.SDPMessage.new_from_text(r.read().decode())
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.rtc.emit("set-remote-description", answer, Gst.Promise.new())
        return False

    def on_pad(self, rtc, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        caps = pad.get_current_caps().get_structure(0)
        media = caps.get_string("media")
        tail = "audioconvert ! level" if media == "audio" else "videoconvert"
        line = f"queue ! {DECODERS[caps.get_string('encoding-name')]} ! {tail} ! fakesink name=end"
        part = Gst.parse_bin_from_description(line, True)
        part.get_by_name("end").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self.on_buffer, media)
        self.pipe.add(part)
        pad.link(part.get_static_pad("sink"))
        part.sync_state_with_parent()

    def on_buffer(self, pad, info, media):
        self.seen[media] += 1
        if media == "video":
            s = pad.get_current_caps().get_structure(0)
            self.seen["size"] = "%dx%d" % (s.get_int("width")[1], s.get_int("height")[1])
        if self.seen["video"] > 50 and self.seen["audio"] > 100 and self.seen["loudness"]:
            GLib.idle_add(self.finish)
        return Gst.PadProbeReturn.OK

    def on_level(self, bus, message):
        s = message.get_structure()
        if s.get_name() == "level":
            self.seen["loudness"] = max(self.seen["loudness"], 32768 * 10 ** (s.get_value("rms")[0] / 20))

    def finish(self):
        if self.loop.is_running():
            self.seen["state"] = self.rtc.get_property("connection-state").value_nick
            if self.location:
                url = self.url.split("/rtc/")[0] + self.location
                with urllib.request.urlopen(urllib.request.Request(url, method="DELETE")) as r:
                    self.seen["deleted"] = r.status
            self.loop.quit()
        return False


Gst.init(None)
for element in ("webrtcbin", "nicesrc", "x264enc", "x265enc", "opusenc"):
    if not Gst.ElementFactory.find(element):
        sys.exit(f"no {element}")
if len(sys.argv) > 1:
    client = Client(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4])
    client.run()
    print(json.dumps(client.seen))
