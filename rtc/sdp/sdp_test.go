package sdp

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	pion "github.com/pion/sdp/v3"
	"github.com/stretchr/testify/require"

	"github.com/srsgo/srs/rtc/desc"
	"github.com/srsgo/srs/stream"
)

const fingerprint = "sha-256 08:32:83:80:FF:3E:ED:CA:E9:AC:FF:6E:EA:AA:67:C5:27:71:ED:F4:F7:59:CA:CD:BF:56:10:A0:01:A4:A9:F5"

func read(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(b)
}

// choice is what the samples of SRS were answered with.
func choice(publish bool) Choice {
	return Choice{Publish: publish, Ufrag: "32md5v3n", Pwd: "u81o03897818164kps39h9907c11n9vi", Fingerprint: fingerprint,
		Candidates: []Candidate{{Host: "127.0.0.1", Port: 8000}, {Host: "192.0.2.1", Port: 8000}}, Stream: "live/av", Agent: "SRS/6.0.157(Hang)"}
}

var changing = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`(?m)^(o=\S+) \d+`), "$1 N"},
	{regexp.MustCompile(`a=ice-(ufrag|pwd):\S+`), "a=ice-$1:X"},
	{regexp.MustCompile(`a=ssrc:\d+ cname:\S+`), "a=ssrc:N cname:X"},
	{regexp.MustCompile(`a=ssrc:\d+ label:(\w+)-\S+`), "a=ssrc:N label:$1-X"},
	{regexp.MustCompile(`WMS live/\S+`), "WMS live/X"},
}

func masked(text string) []string {
	for _, c := range changing {
		text = c.re.ReplaceAllString(text, c.to)
	}
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r", "")), "\n")
}

// TestSRS holds the answers to a browser's offers against a real SRS's: all of its lines are there, in its
// order, and ours beyond them are those that the test knows.
func TestSRS(t *testing.T) {
	for name, more := range map[string][]string{
		"play": {
			`a=ice-options:trickle`, `a=extmap:\d+ urn:ietf:params:rtp-hdrext:sdes:mid`, `a=extmap:5 .*/playout-delay`, `a=msid:\S+ (audio|video)-\S+`,
			`a=rtcp-fb:108 (ccm fir|goog-remb)`, `a=rtpmap:109 rtx/90000`, `a=fmtp:109 apt=108`, `a=ssrc-group:FID \d+ \d+`, `a=ssrc:N cname:X`, `m=video 9 UDP/TLS/RTP/SAVPF 108 109`,
		},
		"publish": {
			`a=ice-options:trickle`, `a=extmap:\d+ urn:ietf:params:rtp-hdrext:sdes:mid`,
			`a=rtcp-fb:108 (ccm fir|goog-remb)`, `a=rtpmap:109 rtx/90000`, `a=fmtp:109 apt=108`, `m=video 9 UDP/TLS/RTP/SAVPF 108 109`,
		},
	} {
		// What SRS says that is not said: its RED, and the line that has one payload type more.
		less := regexp.MustCompile(`^(a=rtpmap:118 red/90000|m=video 9 UDP/TLS/RTP/SAVPF 108.*)$`)
		d, err := ParseOffer(read(t, "offer-"+name+".sdp"))
		require.NoError(t, err)
		a, err := d.Answer(choice(name == "publish"))
		require.NoError(t, err)
		got := masked(a.Text)
		for _, want := range masked(read(t, "answer-"+name+".sdp")) {
			if less.MatchString(want) {
				continue
			}
			i := slices.Index(got, want)
			require.GreaterOrEqual(t, i, 0, "%s: %s is missing or in another place\n%s", name, want, a.Text)
			for _, line := range got[:i] {
				require.True(t, slices.ContainsFunc(more, func(re string) bool { return regexp.MustCompile("^" + re + "$").MatchString(line) }), "%s: %s", name, line)
			}
			got = got[i+1:]
		}
		require.Empty(t, got, name)
		reparse(t, a)
	}
}

// reparse reads an answer with another parser and with ours.
func reparse(t testing.TB, a *Answer) *Description {
	t.Helper()
	var sd pion.SessionDescription
	require.NoError(t, sd.UnmarshalString(a.Text), a.Text)
	d, err := ParseAnswer(a.Text)
	require.NoError(t, err, a.Text)
	list := d.Media()
	require.Len(t, list, len(a.Media), a.Text)
	for i, m := range a.Media {
		require.Equal(t, m.MID, list[i].MID)
		require.Equal(t, m.Ext, list[i].Ext)
		require.Equal(t, m.Codecs, list[i].Codecs)
		require.Equal(t, m.Layers, list[i].Layers)
	}
	return d
}

func TestPublish(t *testing.T) {
	d, err := ParseOffer(read(t, "offer-publish.sdp"))
	require.NoError(t, err)
	require.Equal(t, "OCfe", d.Ufrag)
	require.Equal(t, "3oPU6AfXBtpgGd6TcYfKgi43", d.Pwd)
	require.Equal(t, "actpass", d.Setup)
	require.True(t, d.Trickle)
	require.Equal(t, []string{"0", "1"}, d.Bundle)
	require.Len(t, d.Fingerprints, 1)
	a, err := d.Answer(choice(true))
	require.NoError(t, err)
	require.False(t, a.Active)
	require.Equal(t, []desc.Media{
		{MID: "0", Kind: stream.KindAudio, SSRC: 4057439152, CNAME: "G1tcgDDjJDhTh2K0", Ext: desc.Extensions{MID: 4, TransportCC: 3},
			Codecs: []desc.Codec{{Codec: stream.Opus, PT: 111, ClockRate: 48000, Channels: 2, Params: "minptime=10;useinbandfec=1", TransportCC: true}}},
		{MID: "1", Kind: stream.KindVideo, SSRC: 1982473886, RTXSSRC: 607996975, CNAME: "G1tcgDDjJDhTh2K0", Ext: desc.Extensions{MID: 4, TransportCC: 3},
			Codecs: []desc.Codec{{Codec: stream.H264, PT: 108, ClockRate: 90000, Params: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
				RTX: 109, NACK: true, PLI: true, FIR: true, TransportCC: true, REMB: true}}},
	}, a.Media)
}

func TestPlay(t *testing.T) {
	d, err := ParseOffer(read(t, "offer-play.sdp"))
	require.NoError(t, err)
	a, err := d.Answer(choice(false))
	require.NoError(t, err)
	require.Len(t, a.Media, 2)
	v := a.Media[1]
	require.Equal(t, desc.Extensions{MID: 4, TransportCC: 3, PlayoutDelay: 5}, v.Ext)
	require.Equal(t, v.SSRC+1, v.RTXSSRC)
	require.NotEqual(t, a.Media[0].SSRC, v.SSRC)
	require.Equal(t, a.Media[0].CNAME, v.CNAME)
	got := reparse(t, a)
	require.Equal(t, v.SSRC, got.Sections[1].SSRC)
	require.Equal(t, v.RTXSSRC, got.Sections[1].RTXSSRC)
	require.Equal(t, choice(false).Candidates, got.Candidates)
	require.Equal(t, got.Sections[0].StreamID, got.Sections[1].StreamID)

	plain := choice(false)
	plain.NoNACK, plain.NoTransportCC, plain.Active, plain.Candidates = true, true, true, []Candidate{{Host: "::1", Port: 9, TCP: true}}
	a, err = d.Answer(plain)
	require.NoError(t, err)
	require.True(t, a.Active)
	require.Contains(t, a.Text, "a=setup:active\r\n")
	require.Contains(t, a.Text, "a=candidate:0 1 tcp 1516240895 ::1 9 typ host tcptype passive generation 0\r\n")
	v = a.Media[1]
	require.Equal(t, desc.Extensions{MID: 4, AbsSendTime: 2, PlayoutDelay: 5}, v.Ext)
	require.Zero(t, v.Codecs[0].RTX)
	require.False(t, v.Codecs[0].NACK)
	require.Equal(t, plain.Candidates, reparse(t, a).Candidates)
}

// TestCodecs picks what is wanted out of a browser's offer, or refuses.
func TestCodecs(t *testing.T) {
	offer := read(t, "offer-play.sdp")
	h265 := strings.NewReplacer("rtpmap:108 H264/90000", "rtpmap:108 H265/90000", "packetization-mode=1;profile-level-id=42e01f", "profile-id=1;tier-flag=0;tx-mode=SRST")
	for name, x := range map[string]struct {
		offer string
		want  []stream.Codec
		pt    uint8
		err   string
	}{
		"default":          {pt: 108},
		"first wanted":     {want: []stream.Codec{stream.AV1, stream.H264}, pt: 45},
		"second wanted":    {want: []stream.Codec{stream.HEVC, stream.VP9}, pt: 98},
		"of another kind":  {want: []stream.Codec{stream.Opus}, pt: 108},
		"not offered":      {want: []stream.Codec{stream.HEVC}, err: "sdp: media 1 (video) offers none of: HEVC"},
		"HEVC":             {offer: h265.Replace(offer), want: []stream.Codec{stream.HEVC}, pt: 108},
		"interleaved":      {offer: strings.ReplaceAll(offer, "packetization-mode=1", "packetization-mode=2"), pt: 114},
		"other profile":    {offer: strings.ReplaceAll(strings.ReplaceAll(offer, "42e01f", "640c1f"), "42001f", "640c1f"), pt: 102},
		"no H.264":         {offer: strings.ReplaceAll(offer, "H264", "H261"), pt: 45},
		"VP8 alone":        {offer: regexp.MustCompile(`H264|AV1|VP9`).ReplaceAllString(offer, "H261"), pt: 96},
		"no channels":      {offer: strings.ReplaceAll(offer, "opus/48000/2", "OPUS/48000"), pt: 108},
		"sound not wanted": {want: []stream.Codec{stream.AAC}, err: "sdp: media 0 (audio) offers none of: AAC"},
	} {
		if x.offer == "" {
			x.offer = offer
		}
		d, err := ParseOffer(x.offer)
		require.NoError(t, err, name)
		c := choice(false)
		c.Codecs = x.want
		a, err := d.Answer(c)
		if x.err != "" {
			require.EqualError(t, err, x.err, name)
			require.Equal(t, codeNegotiate, err.(*Error).Code())
			continue
		}
		require.NoError(t, err, name)
		require.Len(t, a.Media, 2, name)
		require.Equal(t, uint8(111), a.Media[0].Codecs[0].PT, name)
		require.Equal(t, x.pt, a.Media[1].Codecs[0].PT, name)
		reparse(t, a)
	}
}

// TestSections accepts what can be used and keeps the place of what cannot.
func TestSections(t *testing.T) {
	offer := read(t, "offer-play.sdp")
	data := "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=sctp-port:5000\r\n"
	d, err := ParseOffer(strings.Replace(offer, "BUNDLE 0 1", "BUNDLE 0 1 2", 1) + data)
	require.NoError(t, err)
	a, err := d.Answer(choice(false))
	require.NoError(t, err)
	require.Len(t, a.Media, 2)
	require.Contains(t, a.Text, "a=group:BUNDLE 0 1\r\n")
	require.True(t, strings.HasSuffix(a.Text, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=inactive\r\n"), a.Text)
	reparse(t, a)

	d, err = ParseOffer(strings.Replace(offer, "m=audio 9", "m=audio 0", 1))
	require.NoError(t, err)
	a, err = d.Answer(choice(false))
	require.NoError(t, err)
	require.Len(t, a.Media, 1)
	require.Contains(t, a.Text, "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n")

	d, err = ParseOffer(strings.Replace(strings.Replace(offer, "m=audio 9", "m=audio 0", 1), "a=mid:0", "a=mid:0\r\na=bundle-only", 1))
	require.NoError(t, err)
	a, err = d.Answer(choice(false))
	require.NoError(t, err)
	require.Len(t, a.Media, 2)

	first, video, ok := strings.Cut(offer, "m=video")
	require.True(t, ok)
	second := strings.Replace("m=video"+video, "a=mid:1", "a=mid:2", 1)
	d, err = ParseOffer(strings.Replace(first, "BUNDLE 0 1", "BUNDLE 0 1 2", 1) + "m=video" + video + second)
	require.NoError(t, err)
	a, err = d.Answer(choice(false))
	require.NoError(t, err)
	require.Len(t, a.Media, 2, "a player is sent one of a kind")
	reparse(t, a)
}

func TestSimulcast(t *testing.T) {
	offer := regexp.MustCompile(`(?m)^a=ssrc(-group)?:.*\n`).ReplaceAllString(read(t, "offer-publish.sdp"), "") +
		"a=rid:h send\na=rid:m send\na=rid:l send\na=simulcast:send h;~m,x;l;a!b;h\n"
	d, err := ParseOffer(offer)
	require.NoError(t, err)
	a, err := d.Answer(choice(true))
	require.NoError(t, err)
	v := a.Media[1]
	require.Equal(t, []string{"h", "m", "l"}, v.Layers)
	require.Equal(t, desc.Extensions{MID: 4, RID: 10, RepairedRID: 11, TransportCC: 3}, v.Ext)
	require.Zero(t, v.SSRC)
	require.Contains(t, a.Text, "a=rid:h recv\r\na=rid:m recv\r\na=rid:l recv\r\na=simulcast:recv h;m;l\r\n")
	reparse(t, a)
}

func TestRefused(t *testing.T) {
	play, publish := read(t, "offer-play.sdp"), read(t, "offer-publish.sdp")
	for name, x := range map[string]struct {
		offer     string
		publish   bool
		malformed bool
		err       string
	}{
		"empty":          {offer: "", malformed: true},
		"no SDP":         {offer: "hello", malformed: true},
		"too long":       {offer: play + strings.Repeat("a=x\r\n", 20000), malformed: true, err: "sdp: 105835 bytes, more than 65536"},
		"no media":       {offer: "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", err: "sdp: no media"},
		"many media":     {offer: play + strings.Repeat("m=audio 9 RTP/AVP 0\r\n", 40), err: "sdp: 42 media, more than 32"},
		"no ICE":         {offer: strings.ReplaceAll(play, "a=ice-", "a=x-"), err: "sdp: no ice-ufrag or ice-pwd"},
		"short ufrag":    {offer: strings.ReplaceAll(play, "a=ice-ufrag:eMJx", "a=ice-ufrag:eMJ"), malformed: true, err: `sdp: ice-ufrag "eMJ"`},
		"no fingerprint": {offer: strings.ReplaceAll(play, "a=fingerprint", "a=x"), err: "sdp: no fingerprint"},
		"setup":          {offer: strings.ReplaceAll(play, "a=setup:actpass", "a=setup:x"), malformed: true, err: `sdp: setup:"x"`},
		"mid twice":      {offer: strings.ReplaceAll(play, "a=mid:1", "a=mid:0"), malformed: true, err: `sdp: media 1: mid "0" is there twice`},
		"no bundle":      {offer: strings.ReplaceAll(play, "a=group", "a=x"), err: "sdp: media 0 (audio) is not in the BUNDLE group"},
		"half a bundle":  {offer: strings.ReplaceAll(play, "BUNDLE 0 1", "BUNDLE 0"), err: "sdp: media 1 (video) is not in the BUNDLE group"},
		"no rtcp-mux":    {offer: strings.ReplaceAll(play, "a=rtcp-mux", "a=x"), err: "sdp: media 0 (audio) has no rtcp-mux"},
		"play sends":     {offer: publish, err: "sdp: media 0 (audio) is sendonly, where the client plays"},
		"publish takes":  {offer: play, publish: true, err: "sdp: media 0 (audio) is recvonly, where the client publishes"},
		"inactive":       {offer: strings.ReplaceAll(play, "a=recvonly", "a=inactive"), err: "sdp: none of the media can be used"},
		"no codec":       {offer: regexp.MustCompile(`rtpmap:\d+`).ReplaceAllString(play, "x"), err: "sdp: none of the media can be used"},
	} {
		if name == "no codec" { // those that need no rtpmap
			x.offer = strings.Replace(x.offer, " 9 0 8 13 ", " 13 ", 1)
		}
		d, err := ParseOffer(x.offer)
		if err == nil {
			_, err = d.Answer(choice(x.publish))
		}
		require.Error(t, err, name)
		if x.err != "" {
			require.EqualError(t, err, x.err, name)
		}
		require.Equal(t, x.malformed, err.(*Error).Malformed, name)
	}
}

// TestInjection: what a client and a name bring ends up in no line of its own.
func TestInjection(t *testing.T) {
	d, err := ParseOffer(read(t, "offer-play.sdp"))
	require.NoError(t, err)
	c := choice(false)
	c.Stream = "live/a\r\na=x y\u00e9"
	a, err := d.Answer(c)
	require.NoError(t, err)
	require.Contains(t, a.Text, "a=msid-semantic: WMS live/a--a-x-y-\r\n")
}

func TestOffer(t *testing.T) {
	media := []desc.Media{
		{Kind: stream.KindAudio, MID: "0", Codecs: []desc.Codec{{Codec: stream.Opus, PT: 111, ClockRate: 48000, Channels: 2}}, SSRC: 1, CNAME: "c"},
		{Kind: stream.KindVideo, MID: "1", SSRC: 2, RTXSSRC: 3, CNAME: "c", Ext: desc.Extensions{MID: 1, TransportCC: 2},
			Codecs: []desc.Codec{{Codec: stream.H264, PT: 96, RTX: 97, ClockRate: 90000, Params: "packetization-mode=1", NACK: true, PLI: true, TransportCC: true}}},
	}
	for _, publish := range []bool{false, true} {
		ufrag, pwd := NewCredentials()
		text := NewOffer(OfferConfig{Publish: publish, Ufrag: ufrag, Pwd: pwd, Fingerprint: fingerprint, Media: media})
		d, err := ParseOffer(text)
		require.NoError(t, err, text)
		require.Equal(t, ufrag, d.Ufrag)
		a, err := d.Answer(choice(publish))
		require.NoError(t, err, text)
		require.Len(t, a.Media, 2)
		require.Equal(t, media[1].Codecs, a.Media[1].Codecs)
		if publish {
			require.Equal(t, media, a.Media)
		}
		got := reparse(t, a)
		require.Equal(t, "32md5v3n", got.Ufrag)
		require.True(t, got.Lite)
		require.Equal(t, []string{fingerprint}, got.Fingerprints)
		require.Equal(t, "passive", got.Setup)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"offer-play.sdp", "offer-publish.sdp", "answer-play.sdp"} {
		f.Add(read(f, name), true)
		f.Add(read(f, name), false)
	}
	f.Fuzz(func(t *testing.T, text string, publish bool) {
		d, err := ParseOffer(text)
		if err != nil {
			return
		}
		c := choice(publish)
		c.Stream = text[:min(len(text), 40)]
		if a, err := d.Answer(c); err == nil {
			reparse(t, a)
		}
	})
}

func FuzzFragment(f *testing.F) {
	f.Add("a=ice-options:trickle\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n" +
		"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		fragment, err := ParseFragment(text)
		if err != nil {
			return
		}
		ufrag, pwd := NewCredentials()
		answer := fragment.Answer(ufrag, pwd, fragment.Candidates)
		got, err := ParseFragment(answer)
		require.NoError(t, err, answer)
		require.Equal(t, ufrag, got.Ufrag)
		require.Equal(t, fragment.Candidates, got.Candidates)
	})
}
